/** The actions of the records that the log writes about itself. */

/** The first record of every run of the gateway; links to what the run before left. */
export const START_ACTION = 'audit.start';
/** Records could not be written for a while; says how many calls were refused and which events were only counted. */
export const RECOVERED_ACTION = 'audit.recovered';
