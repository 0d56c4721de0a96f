import { mongodbAlone } from '../support/engines.ts';
import { describeNothingLost } from '../support/nothing-lost.ts';

mongodbAlone(describeNothingLost);
