import { mongodbAlone } from '../support/engines.ts';
import { describeFaultPoints } from '../support/fault-points.ts';

for (const engine of mongodbAlone) describeFaultPoints(engine);
