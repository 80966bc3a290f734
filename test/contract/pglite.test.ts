import { openPglite } from './open-pglite.ts';
import { storeContract } from './store.ts';

storeContract('PostgreSQL (PGlite)', openPglite);
