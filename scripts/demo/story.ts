import { createStyle, mayColour } from '../../src/cli/style.ts';

const WIDTH = 100;
const INDENT = '   ';

/** Something that the demo shows did not hold. */
export class NotAsTold extends Error {}

/** What the demo prints. */
export interface Story {
  title(text: string): void;
  chapter(title: string): void;
  /** A command that was run, and what it printed. */
  command(line: string, output?: string): void;
  say(text: string): void;
  /** Names and values below each other. */
  facts(facts: readonly (readonly [name: string, value: string])[]): void;
  /** Prints the sentence with a ✓ when it holds. Throws NotAsTold with what was seen instead when it does not. */
  proves(sentence: string, holds: boolean, seen?: unknown): void;
}

export function createStory(output: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Story {
  const { bold, dim, green, red } = createStyle(mayColour(output, env));
  let chapters = 0;
  const print = (first: string, text: string, paint: (line: string) => string = (line) => line): void => {
    const indent = ' '.repeat(first.length);
    const lines = text.split('\n').flatMap((line) => wrap(line, WIDTH - indent.length));
    for (const [at, line] of lines.entries())
      output.write(`${at === 0 ? first : indent}${line === '' ? '' : paint(line)}`.replace(/ +$/, '').concat('\n'));
  };
  return {
    title: (text) => print('', text),
    chapter: (title) => print('', `\n${++chapters}  ${title}`, bold),
    command(line, text = '') {
      print(`${INDENT}$ `, line, bold);
      if (text !== '') print(`${INDENT}  `, text, dim);
    },
    say: (text) => print(INDENT, text),
    facts(facts) {
      const width = Math.max(...facts.map(([name]) => name.length));
      for (const [name, value] of facts) print(`${INDENT}${name.padEnd(width)}  `, value);
    },
    proves(sentence, holds, seen) {
      print(`${INDENT}${holds ? '✓' : '✗'} `, sentence, holds ? green : red);
      if (!holds)
        throw new NotAsTold(
          `This did not hold: ${sentence}${seen === undefined ? '' : `\nSeen instead: ${show(seen)}`}`,
        );
    },
  };
}

const show = (seen: unknown): string => (typeof seen === 'string' ? seen : JSON.stringify(seen, null, 2));

/** Lines of at most so many characters, broken at blanks where there are some, all as far from the left as the first. */
function wrap(text: string, width: number): string[] {
  const indent = /^ */.exec(text)![0];
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const blank = rest.lastIndexOf(' ', width);
    const at = blank > width / 2 ? blank : width;
    lines.push(rest.slice(0, at));
    rest = indent + rest.slice(at).trimStart();
  }
  return [...lines, rest];
}
