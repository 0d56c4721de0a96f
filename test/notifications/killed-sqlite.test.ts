import { sqlite } from '../support/engines.ts';
import { describeToldThoughKilled } from '../support/told-though-killed.ts';

describeToldThoughKilled(sqlite);
