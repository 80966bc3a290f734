import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../errors/app-error.ts';
import { ICON } from './icon.ts';
import { STYLESHEET } from './stylesheet.ts';

interface Asset {
  readonly type: string;
  readonly body: string;
}

const assets = new Map<string, Asset>();

/** The name holds a hash of the content, so that browsers may keep it for ever and never show an old one. */
function addAsset(name: string, extension: string, asset: Asset): string {
  const hash = createHash('sha256').update(asset.body).digest('hex').slice(0, 12);
  const path = `/assets/${name}.${hash}.${extension}`;
  assets.set(path, asset);
  return path;
}

export const STYLESHEET_PATH = addAsset('toolgate', 'css', { type: 'text/css; charset=utf-8', body: STYLESHEET });
export const ICON_PATH = addAsset('icon', 'svg', { type: 'image/svg+xml', body: ICON });

/** Serves what pages refer to, below `/assets/`. The same for everybody, and nothing else is readable there. */
export function assetRoutes(fastify: FastifyInstance): void {
  fastify.get('/assets/*', async (request, reply) => {
    const asset = assets.get(request.url.split('?', 1)[0]!);
    if (asset === undefined) throw new AppError('not_found');
    return reply
      .type(asset.type)
      .header('cache-control', 'public, max-age=31536000, immutable')
      .header('x-content-type-options', 'nosniff')
      .header('cross-origin-resource-policy', 'same-origin')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox")
      .send(asset.body);
  });
}
