/**
 * The items of a source, each asked for while the one before it is still in use: reading from disk and
 * computing overlap. At most two items are alive. Ending early ends the source.
 */
export async function* ahead<T>(source: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const ask = (): Promise<IteratorResult<T>> => {
    const asked = Promise.resolve(iterator.next());
    // A failure is seen when the item is due; until then it must not count as unhandled.
    asked.catch(() => undefined);
    return asked;
  };
  let isDone = false;
  let next = ask();
  try {
    for (;;) {
      const item = await next;
      if (item.done === true) {
        isDone = true;
        return;
      }
      next = ask();
      yield item.value;
    }
  } catch (error) {
    isDone = true;
    throw error;
  } finally {
    if (!isDone) await iterator.return?.();
  }
}
