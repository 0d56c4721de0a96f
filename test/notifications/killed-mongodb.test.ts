import { mongodbAlone } from '../support/engines.ts';
import { describeToldThoughKilled } from '../support/told-though-killed.ts';

mongodbAlone(describeToldThoughKilled);
