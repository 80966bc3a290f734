import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openAudit } from './audit/audit-log.ts';
import { type Config, configAtPort } from './config/config.ts';
import { type LoadedConfig } from './config/load-config.ts';
import { createGateway, type Gateway } from './gateway/gateway.ts';
import { isMcpPath } from './gateway/mount.ts';
import { createRefusalRecorder } from './gateway/refusals.ts';
