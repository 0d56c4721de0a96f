import { sqlite } from '../support/engines.ts';
import { describeNothingLost } from '../support/nothing-lost.ts';

describeNothingLost(sqlite);
