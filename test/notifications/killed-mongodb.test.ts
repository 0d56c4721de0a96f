import { mongodbAlone } from '../support/engines.ts';
import { describeToldThoughKilled } from '../support/told-though-killed.ts';

for (const engine of mongodbAlone) describeToldThoughKilled(engine);
