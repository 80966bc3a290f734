/**
 * What well-known scopes let a program do, as people say it. A word that a provider made up itself means what the provider
 * says, so its table is used only where the upstream is declared to be there (`preset`); OpenID Connect's mean the same
 * everywhere. Whatever is not here is shown as it is: a guess would promise something.
 */
const EVERYWHERE: Readonly<Record<string, string>> = {
  openid: 'Know which account is yours',
  profile: 'Read your name and picture',
  email: 'Read your e-mail address',
  offline_access: 'Stay connected while you are away',
};

const GITHUB: Readonly<Record<string, string>> = {
  repo: 'Read and change your repositories, also private ones',
  public_repo: 'Read and change your public repositories',
  'repo:status': 'Read and set the status of commits',
  'read:user': 'Read your profile',
  user: 'Read and change your profile',
  'user:email': 'Read your e-mail addresses',
  'read:org': 'Read your organizations and teams',
  'read:project': 'Read your projects',
  project: 'Read and change your projects',
  'read:packages': 'Download packages',
  'write:packages': 'Publish packages',
  notifications: 'Read your notifications and mark them as read',
  gist: 'Write gists',
  workflow: 'Change the workflows of GitHub Actions',
  codespace: 'Create and manage codespaces',
  security_events: 'Read and change security alerts',
};

const GOOGLE_PREFIX = 'https://www.googleapis.com/auth/';
const GOOGLE: Readonly<Record<string, string>> = {
  [`${GOOGLE_PREFIX}userinfo.email`]: 'Read your e-mail address',
  [`${GOOGLE_PREFIX}userinfo.profile`]: 'Read your name and picture',
  [`${GOOGLE_PREFIX}drive`]: 'Read, change and delete all your files in Drive',
  [`${GOOGLE_PREFIX}drive.readonly`]: 'Read all your files in Drive',
  [`${GOOGLE_PREFIX}drive.file`]: 'Read and change the files in Drive that you open with it',
  [`${GOOGLE_PREFIX}drive.metadata.readonly`]: 'Read the names of your files in Drive',
  [`${GOOGLE_PREFIX}documents`]: 'Read and change your documents',
  [`${GOOGLE_PREFIX}documents.readonly`]: 'Read your documents',
  [`${GOOGLE_PREFIX}spreadsheets`]: 'Read and change your spreadsheets',
  [`${GOOGLE_PREFIX}spreadsheets.readonly`]: 'Read your spreadsheets',
  [`${GOOGLE_PREFIX}gmail.readonly`]: 'Read all your mail',
  [`${GOOGLE_PREFIX}gmail.modify`]: 'Read, write and send your mail',
  [`${GOOGLE_PREFIX}gmail.send`]: 'Send mail as you',
  [`${GOOGLE_PREFIX}calendar`]: 'Read and change all your calendars',
  [`${GOOGLE_PREFIX}calendar.readonly`]: 'Read all your calendars',
  [`${GOOGLE_PREFIX}calendar.events`]: 'Read and change the events in your calendars',
  [`${GOOGLE_PREFIX}contacts.readonly`]: 'Read your contacts',
  [`${GOOGLE_PREFIX}tasks`]: 'Read and change your tasks',
};

const SLACK: Readonly<Record<string, string>> = {
  'channels:history': 'Read messages in public channels that you are in',
  'channels:read': 'See public channels',
  'groups:history': 'Read messages in private channels that you are in',
  'groups:read': 'See private channels that you are in',
  'im:history': 'Read your direct messages',
  'mpim:history': 'Read your group direct messages',
  'chat:write': 'Write messages as you',
  'users:read': 'See the people of your workspace',
  'users:read.email': 'See the e-mail addresses of the people of your workspace',
  'search:read': 'Search everything that you can read',
  'search:read.public': 'Search public channels',
  'search:read.private': 'Search private channels that you are in',
  'search:read.mpim': 'Search your group direct messages',
  'search:read.im': 'Search your direct messages',
  'search:read.files': 'Search files that you can see',
  'search:read.users': 'Search the people of your workspace',
  'files:read': 'Read files that you can see',
  'canvases:read': 'Read canvases that you can see',
  'canvases:write': 'Write canvases',
  'reactions:read': 'See reactions to messages',
  'reactions:write': 'Add reactions as you',
};

const ATLASSIAN: Readonly<Record<string, string>> = {
  'read:me': 'Read your profile',
  'read:account': 'Read your profile',
  'read:jira-user': 'See the people in Jira',
  'read:jira-work': 'Read projects and issues in Jira',
  'write:jira-work': 'Create and change issues in Jira',
  'read:confluence-content.all': 'Read pages in Confluence',
  'write:confluence-content': 'Write pages in Confluence',
  'read:confluence-space.summary': 'See the spaces in Confluence',
  'search:confluence': 'Search in Confluence',
};

const LINEAR: Readonly<Record<string, string>> = {
  read: 'Read everything that you can see in Linear',
  write: 'Change everything that you can change in Linear',
  'issues:create': 'Create issues',
  'comments:create': 'Write comments',
  admin: 'Administer your workspace',
};

const ENTRA: Readonly<Record<string, string>> = {
  'User.Read': 'Read your profile',
  'Mail.Read': 'Read your mail',
  'Mail.ReadWrite': 'Read and change your mail',
  'Mail.Send': 'Send mail as you',
  'Calendars.Read': 'Read your calendars',
  'Calendars.ReadWrite': 'Read and change your calendars',
  'Files.Read': 'Read your files',
  'Files.Read.All': 'Read all files that you can see',
  'Files.ReadWrite': 'Read and change your files',
  'Files.ReadWrite.All': 'Read and change all files that you can see',
  'Sites.Read.All': 'Read all SharePoint sites that you can see',
};

const BY_PRESET: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  github: GITHUB,
  google: GOOGLE,
  slack: SLACK,
  atlassian: ATLASSIAN,
  linear: LINEAR,
  entra: ENTRA,
};

/** One thing that is asked for. */
export interface ScopeLine {
  readonly scope: string;
  /** Null: it is known by its name alone. */
  readonly text: string | null;
}

/** The scopes with what they mean, in their order. */
export function scopeLines(scopes: readonly string[], preset: string | null): ScopeLine[] {
  const own = preset !== null && Object.hasOwn(BY_PRESET, preset) ? BY_PRESET[preset]! : {};
  const textOf = (scope: string): string | null => {
    if (Object.hasOwn(own, scope)) return own[scope]!;
    return Object.hasOwn(EVERYWHERE, scope) ? EVERYWHERE[scope]! : null;
  };
  return scopes.map((scope) => ({ scope, text: textOf(scope) }));
}
