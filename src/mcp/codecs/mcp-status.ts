import type { AppError } from '../../errors/app-error.ts';
import { CATALOG } from '../../errors/catalog.ts';

/** HTTP status of an error on the MCP endpoint. */
export const mcpStatus = (error: AppError): number => CATALOG[error.code].mcpHttp ?? CATALOG[error.code].http;
