import { sqlite } from '../support/engines.ts';
import { describeFaultPoints } from '../support/fault-points.ts';

describeFaultPoints(sqlite);
