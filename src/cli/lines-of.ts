/**
 * The lines of a stream of UTF-8 text, without their line feeds. Only a line feed ends a line: what else readers take for
 * a line end (a carriage return, U+2028) stays in the line, so that a check of the line sees it.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  yield rest + decoder.decode();
}
