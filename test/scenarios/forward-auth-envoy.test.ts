import { describeForwardAuth } from '../support/forward-auth-journey.ts';

describeForwardAuth('envoy');
