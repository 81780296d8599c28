import type { Readable, Writable } from 'node:stream';
import { Presets, SingleBar } from 'cli-progress';

/** The streams that a command talks to; tests pass their own. */
export interface Streams {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

export interface TerminalOptions {
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** A step of a command that counts up to a total. */
export interface Step {
  /** Report progress; `note` is a short text such as "loss 0.12". A stream has no known total. */
  update(done: number, total: number | undefined, note?: string): void;
  /** End the step; says how long it took. */
  end(note?: string): void;
  /** Remove the bar and say nothing: the step failed or was interrupted. */
  cancel(): void;
}

/** A bar for something that is over at once would only flicker. */
const BAR_DELAY_MS = 2000;

/**
 * What a command prints: results on stdout, everything about the run on stderr, so that stdout can be
 * piped.
 */
export class Terminal {
  readonly quiet: boolean;
  readonly json: boolean;

  constructor(
    readonly streams: Streams,
    options: TerminalOptions = {},
  ) {
    this.quiet = options.quiet ?? false;
    this.json = options.json ?? false;
  }

  /** A result, on stdout. */
  print(text: string): void {
    this.streams.stdout.write(`${text}\n`);
  }

  /** A remark about the run, on stderr; nothing with --quiet. */
  say(text: string): void {
    if (!this.quiet) this.streams.stderr.write(`${text}\n`);
  }

  /** Something that the user must see, on stderr, also with --quiet. */
  warn(text: string): void {
    this.streams.stderr.write(`${text}\n`);
  }

  /** Start a step. A bar shows on a terminal once the step has lasted two seconds. */
  step(label: string, unit: string): Step {
    const start = performance.now();
    const elapsed = (): number => (performance.now() - start) / 1000;
    const mayDraw = !this.quiet && this.streams.stderr.isTTY === true;
    let bar: SingleBar | undefined;
    return {
      update: (done, total, note = '') => {
        if (!mayDraw || elapsed() * 1000 < BAR_DELAY_MS) return;
        bar ??= this.startBar(label, unit, total);
        const rate = done / elapsed();
        if (total !== undefined) bar.setTotal(total);
        bar.update(done, {
          rate: formatRate(rate),
          left: total === undefined || done === 0 ? '?' : formatSeconds((total - done) / rate),
          note,
        });
      },
      end: (note) => {
        bar?.stop();
        this.say(`${label}: ${formatSeconds(elapsed())}${note === undefined ? '' : `, ${note}`}`);
      },
      cancel: () => bar?.stop(),
    };
  }

  private startBar(label: string, unit: string, total: number | undefined): SingleBar {
    const rate = `{rate} ${unit}/s`;
    const bar = new SingleBar(
      {
        stream: this.streams.stderr,
        format:
          total === undefined
            ? `${label} | {value} ${unit} | ${rate} {note}`
            : `${label} {bar} {percentage}% | {value}/{total} ${unit} | ${rate} | {left} left {note}`,
        clearOnComplete: true,
        hideCursor: true,
        // Ctrl-C is ours: the command ends in order and restores the cursor by stop().
        gracefulExit: false,
        barsize: 24,
      },
      Presets.shades_classic,
    );
    bar.start(total ?? 0, 0, { rate: '?', left: '?', note: '' });
    return bar;
  }
}

/** `0.42 s`, `12.3 s`, `3 min 20 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(seconds < 0.995 ? 2 : 1)} s`;
  if (seconds < 119.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function formatRate(rate: number): string {
  return rate >= 100 ? String(Math.round(rate)) : rate.toFixed(1);
}
