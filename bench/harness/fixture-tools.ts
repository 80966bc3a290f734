/** One tool in ten is called `get_…`: those are allowed in the bench, the others are not. */
export const ALLOWED_GLOB = 'get_*';
export const isAllowedName = (name: string): boolean => name.startsWith('get_');

/** Tools of the size that real servers have: about 600 bytes each. */
export function fixtureTools(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    name: `${i % 10 === 0 ? 'get' : 'update'}_record_${i}`,
    title: `Record ${i}`,
    description:
      `Works on record ${i} of the customer database and returns its fields as JSON. Use it when the user ` +
      'asks about one customer by number; for a search over all customers use the search tool instead.',
    inputSchema: {
      type: 'object',
      properties: {
        customer: { type: 'string', description: 'Number of the customer, as it stands on the invoice.' },
        fields: { type: 'array', items: { type: 'string' }, description: 'Which fields to return; all when absent.' },
        limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
      },
      required: ['customer'],
    },
    annotations: { readOnlyHint: i % 10 === 0, openWorldHint: false },
  }));
}
