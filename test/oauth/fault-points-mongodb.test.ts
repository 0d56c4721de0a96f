import { mongodbAlone } from '../support/engines.ts';
import { describeFaultPoints } from '../support/fault-points.ts';

mongodbAlone(describeFaultPoints);
