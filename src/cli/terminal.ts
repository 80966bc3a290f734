import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import { createStyle, mayColour, type Style } from './style.ts';

type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface TerminalStreams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Where a command reads from and writes to. */
export interface Terminal {
  /** Writes one or more lines to standard output. */
  print(text: string): void;
  /** Writes one or more lines to standard error. */
  note(text: string): void;
  /** Writes a chunk as it is, and resolves when more may be written. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** Of standard output, or null when it is no terminal: then nothing is cut. */
  readonly columns: number | null;
  readonly style: Style;
  readonly errorStyle: Style;
  /** Standard error, where the log goes, is read by a person. */
  readonly errorIsTerminal: boolean;
  /** Whether a person can be asked. */
  readonly interactive: boolean;
  /** Asks for yes or no; anything but `y` or `yes` is a no. Only when `interactive`. */
  confirm(question: string): Promise<boolean>;
  /** Asks for a line that is not shown while it is typed. Only when `interactive`. */
  askHidden(question: string): Promise<string>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
}

export function createTerminal({ stdin, stdout, stderr, env }: TerminalStreams): Terminal {
  return {
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    write: (chunk) =>
      new Promise((resolve, reject) => {
        stdout.write(chunk, (error) => (error ? reject(error) : resolve()));
      }),
    columns: stdout.isTTY === true ? (stdout.columns ?? 80) : null,
    style: createStyle(mayColour(stdout, env)),
    errorStyle: createStyle(mayColour(stderr, env)),
    errorIsTerminal: stderr.isTTY === true,
    interactive: stdin.isTTY === true && stdout.isTTY === true,
    async confirm(question) {
      const prompt = createInterface({ input: stdin, output: stderr });
      try {
        return /^y(es)?$/i.test((await prompt.question(`${question} [y/N] `)).trim());
      } finally {
        prompt.close();
      }
    },
    async askHidden(question) {
      // An output that swallows what readline would echo. It takes over the echo of the terminal as well, so it comes first.
      const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
      const prompt = createInterface({ input: stdin, output: silent, terminal: true });
      stderr.write(`${question} `);
      try {
        return await prompt.question('');
      } finally {
        prompt.close();
        stderr.write('\n');
      }
    },
    stdin,
  };
}
