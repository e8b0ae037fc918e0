import { Badge, Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';

import { formatMoney } from '~/i18n/money';
import { count, duration } from '~/i18n/numbers';
import { absolute } from '~/i18n/time';
import { useWords } from '~/i18n/use-words';
import { Money, When } from '~/ui/amounts';
import { CodeBlock } from '~/ui/copy';
import { Facts } from '~/ui/facts';
import { Panel } from '~/ui/page';
import { Tiles } from '~/ui/tiles';

import type { LogDetail } from './api';
import { Attempts } from './attempts';
import { EndingBadge } from './ending';

interface LogViewProps {
  log: LogDetail;
  keyName: string;
  session: ReactNode;
  /** What was asked and answered, where it is kept. */
  body: ReactNode;
}

/** One request: what was asked, where it went and why, how long it took, what it cost. */
export function LogSections({ log, keyName, session, body }: LogViewProps) {
  const { t, language } = useWords();
  const { timings, cost } = log;
  return (
    <>
      <Tiles
        tiles={[
          { name: t('logs:fact.ending'), value: <EndingBadge ending={log.ending} status={log.status} />, note: t('logs:fact.tries', { count: log.attempts.length }) },
          { name: t('logs:fact.cost'), value: <Money value={cost.total_nanos} places={6} />, exact: formatMoney(cost.total_nanos, language) },
          { name: t('logs:fact.total'), value: duration(timings.total_ms, language), note: `${t('logs:fact.first')} ${duration(timings.first_token_ms, language)}` },
          {
            name: t('logs:fact.tokens'),
            value: `${count(tokens('input', log.usage), language)} / ${count(tokens('output', log.usage), language)}`,
          },
        ]}
      />
      <Panel title={t('logs:section.request')}>
        <Facts
          rows={[
            [t('logs:fact.at'), <span key="a" title={absolute(log.started_at_ns, language)}><When ns={log.started_at_ns} /></span>],
            [t('logs:fact.requested'), log.requested_model],
            [t('logs:fact.served'), log.model ?? '–'],
            [t('logs:fact.provider'), log.provider === null ? '–' : `${log.provider} / ${log.region ?? ''}`],
            [t('logs:fact.operation'), `${log.operation}${log.stream ? ` · ${t('logs:fact.streamed')}` : ''}`],
            [t('logs:fact.key'), keyName],
            [t('logs:fact.session'), session],
            [t('logs:fact.user'), log.user ?? '–'],
            [t('logs:fact.finish'), log.finish_reason ?? '–'],
            [t('logs:fact.upstream'), log.upstream_id ?? '–'],
            [t('logs:fact.client'), log.client_request_id ?? '–'],
            ...(log.dropped_params.length === 0 ? [] : [[t('logs:fact.dropped'), log.dropped_params.join(', ')] as const]),
          ]}
        />
        {log.error !== null && (
          <CodeBlock label={t('logs:fact.error')} code={JSON.stringify(log.error, null, 2)} />
        )}
      </Panel>
      <Panel title={t('logs:section.time')} note={t('logs:section.timeNote')}>
        <Facts
          rows={[
            [t('logs:fact.first'), duration(timings.first_token_ms, language)],
            [t('logs:fact.total'), duration(timings.total_ms, language)],
            [t('logs:fact.speed'), timings.tokens_per_second === null ? '–' : t('logs:fact.perSecond', { count: count(timings.tokens_per_second, language) as unknown as number })],
            [t('logs:fact.overhead'), `${count(timings.overhead_us, language)} µs`],
          ]}
        />
        <Attempts attempts={log.attempts} total={timings.total_ms} />
      </Panel>
      {log.routing !== null && <Routing routing={log.routing} />}
      <Panel title={t('logs:section.cost')}>
        <Facts
          rows={[
            [t('logs:fact.cost'), <Money key="c" value={cost.total_nanos} places={9} />],
            ...Object.entries(cost.parts).map(
              ([name, nanos]) => [t(`logs:unit.${name}` as 'logs:unit.input_tokens'), <Money key={name} value={nanos} places={9} />] as const,
            ),
            [t('logs:fact.fee'), <Money key="f" value={cost.fee_nanos} places={9} />],
            [t('logs:fact.saved'), <Money key="s" value={cost.saved_nanos} places={9} />],
            [t('logs:fact.price'), cost.price_id ?? '–'],
          ]}
        />
      </Panel>
      <Panel title={t('logs:section.usage')} note={log.usage_estimated ? t('logs:section.estimated') : undefined}>
        <Facts
          rows={Object.entries(log.usage).map(
            ([name, quantity]) => [t(`logs:unit.${name}` as 'logs:unit.input_tokens'), count(quantity, language)] as const,
          )}
        />
      </Panel>
      {body}
      <Raw log={log} />
    </>
  );
}

/** All of a side: cached and reasoning tokens too. */
function tokens(side: 'input' | 'output', usage: Record<string, number>): number {
  const names = side === 'input' ? ['input_tokens', 'cache_read_tokens', 'cache_write_tokens', 'cache_write_1h_tokens'] : ['output_tokens', 'reasoning_tokens'];
  return names.reduce((sum, name) => sum + (usage[name] ?? 0), 0);
}

/** Long, and rarely wanted: it is opened. */
function Raw({ log }: { log: LogDetail }) {
  const { t } = useWords();
  const [shown, setShown] = useState(false);
  return (
    <Panel
      title={t('logs:section.raw')}
      note={t('logs:section.rawNote')}
      action={
        <Button variant="default" size="xs" aria-expanded={shown} onClick={() => setShown(!shown)}>
          {shown ? t('logs:section.rawHide') : t('logs:section.rawShow')}
        </Button>
      }
    >
      {shown && <CodeBlock label={t('logs:section.raw')} code={JSON.stringify(log, null, 2)} />}
    </Panel>
  );
}

/** The record of routing is the gateway's own; only what is a list of words is shown here. */
function Routing({ routing }: { routing: Record<string, unknown> }) {
  const { t } = useWords();
  const words = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
  return (
    <Panel title={t('logs:section.routing')}>
      <Facts
        rows={[
          [t('logs:fact.strategy'), String(routing.strategy ?? '–')],
          [t('logs:fact.sticky'), typeof routing.sticky === 'string' && routing.sticky !== '' ? routing.sticky : '–'],
          [t('logs:fact.order'), words(routing.order).join(' → ') || '–'],
          [
            t('logs:fact.excluded'),
            words(routing.excluded).length === 0
              ? '–'
              : words(routing.excluded).map((each) => (
                  <Badge key={each} variant="default" tt="none" fw={500} mr={4}>
                    {each}
                  </Badge>
                )),
          ],
        ]}
      />
    </Panel>
  );
}
