import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';

type Request = Pick<IncomingMessage, 'headers'>;

/** A cookie that only this origin's own requests and links to it carry, and that no script can read. */
export interface Cookie {
  readonly name: string;
  /** What the request carries; null when there is none, or more than one. */
  read(request: Request): string | null;
  /** `maxAgeSeconds` absent: until the browser is closed. */
  set(reply: FastifyReply, value: string, maxAgeSeconds?: number): void;
  clear(reply: FastifyReply): void;
}

/** 256 random bits in base64url. */
const VALUE = /^[A-Za-z0-9_-]{43}$/;

/**
 * @param secure whether the gateway is reached by https. Then the name begins with `__Host-`, with which browsers take it
 * from this very host alone (RFC 6265bis §4.1.3.2): no neighbouring site can plant one. Plain http, which is for loopback
 * only, has no such protection: other ports of the machine share its cookies.
 *
 * `SameSite=Lax`: the way back from an identity provider and from a client is a link from elsewhere and needs the cookie;
 * forms sent from elsewhere do not carry it.
 */
export function createCookie(purpose: string, secure: boolean): Cookie {
  const name = `${secure ? '__Host-' : ''}toolgate_${purpose}`;
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  const add = (reply: FastifyReply, text: string): void => {
    reply.header('set-cookie', text);
  };
  return {
    name,
    read({ headers }) {
      const values = cookieValues(headers.cookie ?? '', name);
      // Of two with one name, one was put there by somebody else; which one is not to be known.
      return values.length === 1 && VALUE.test(values[0]!) ? values[0]! : null;
    },
    set(reply, value, maxAgeSeconds) {
      add(reply, `${name}=${value}; ${attributes}${maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`}`);
    },
    clear(reply) {
      add(reply, `${name}=; ${attributes}; Max-Age=0`);
    },
  };
}

function cookieValues(header: string, name: string): string[] {
  const values: string[] = [];
  for (const part of header.split(';')) {
    const at = part.indexOf('=');
    if (at >= 0 && part.slice(0, at).trim() === name) values.push(part.slice(at + 1).trim());
  }
  return values;
}
