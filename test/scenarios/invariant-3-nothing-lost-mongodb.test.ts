import { mongodbAlone } from '../support/engines.ts';
import { describeNothingLost } from '../support/nothing-lost.ts';

for (const engine of mongodbAlone) describeNothingLost(engine);
