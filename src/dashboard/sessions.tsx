/** The sessions of a member, as their own page and the owner's show them. */
import type { OperatorSession } from '../operators/index.ts';
import { Act, counted, List, Row, Tag, Time } from '../pages/index.ts';

/** `current`: the ID of the session that looks at them, which ends by signing out. */
export function Sessions(props: { sessions: OperatorSession[]; address: string; current: string | undefined }) {
  const { sessions, address, current } = props;
  return (
    <List
      title="Sessions"
      aside={<small>{counted(sessions.length, 'session')}</small>}
      of={sessions}
      none="No sessions."
      row={({ id, address: from, userAgent, createdAt, expiresAt }) => (
        <Row
          name={from}
          marks={id === current && <Tag tone="ok">this session</Tag>}
          text={
            <>
              {browserOf(userAgent)}, started <Time at={createdAt} />, ends <Time at={expiresAt} />
            </>
          }
        >
          {id !== current && <Act action={`${address}/${id}/end`} name="End" />}
        </Row>
      )}
    />
  );
}

/** Browsers also name those they descend from, so the first match counts. */
const BROWSERS = [
  [/Edg/, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox|FxiOS/, 'Firefox'],
  [/Chrom|CriOS/, 'Chrome'],
  [/Safari/, 'Safari'],
] as const;
const SYSTEMS = [
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/CrOS/, 'ChromeOS'],
  [/Windows/, 'Windows'],
  [/Macintosh/, 'macOS'],
  [/Linux/, 'Linux'],
] as const;

/** "Chrome on Windows", or what it calls itself where we don't know it. */
function browserOf(userAgent: string | undefined): string {
  if (userAgent === undefined) return 'unknown browser';
  const [, browser] = BROWSERS.find(([pattern]) => pattern.test(userAgent)) ?? [];
  const [, system] = SYSTEMS.find(([pattern]) => pattern.test(userAgent)) ?? [];
  return browser && system ? `${browser} on ${system}` : userAgent;
}
