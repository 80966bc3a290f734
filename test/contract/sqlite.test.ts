import { openDatabase } from '../../src/store/database.ts';
import { storeContract } from './store.ts';

storeContract('SQLite', () => openDatabase({ file: ':memory:' }));
