import { Badge, Button } from '@mantine/core';

import { duration } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { When } from '~/ui/amounts';
import { CodeBlock } from '~/ui/copy';
import { SideSheet } from '~/ui/dialog';
import { IconMailForward } from '~/ui/icons';
import { useNotices } from '~/ui/notices';
import { Empty, Loaded } from '~/ui/states';

import { type Delivery, useDeliveries, useWebhookDeeds, type Webhook } from './api';
import css from './settings.module.css';

const STATES = ['pending', 'delivered', 'failed'] as const;
const COLOURS = { pending: 'orange', delivered: 'brand', failed: 'red' } as const;

/** What was sent to an address, each try with its answer; any of it can be sent again. */
export function Deliveries({ hook, onClose }: { hook: Webhook; onClose: () => void }) {
  const { t } = useWords();
  const team = useTeam();
  const deliveries = useDeliveries(team.id, hook.id);
  return (
    <SideSheet onClose={onClose} title={t('settings:deliveries.title')} size="xl">
      <p className={css.url}>{hook.url}</p>
      <Loaded query={deliveries}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={<IconMailForward />} title={t('settings:deliveries.empty')} text={t('settings:deliveries.emptyText')} />
          ) : (
            <ul className={css.deliveries}>
              {rows.map((row) => (
                <One key={row.id} row={row} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {deliveries.hasNextPage && (
        <Button variant="subtle" fullWidth loading={deliveries.isFetchingNextPage} onClick={() => void deliveries.fetchNextPage()}>
          {t('app:action.more')}
        </Button>
      )}
    </SideSheet>
  );
}

function One({ row }: { row: Delivery }) {
  const { t, language } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const { redeliver } = useWebhookDeeds(team.id);
  const state = STATES.find((each) => each === row.state) ?? 'pending';
  return (
    <li>
      <div className={css.deliveryHead}>
        <strong>{row.event_type}</strong>
        <Badge variant="light" tt="none" color={COLOURS[state]}>
          {t(`settings:deliveries.state.${state}`)}
        </Badge>
        <When ns={row.created_at_ns} />
        {team.may('webhooks.write') && row.state !== 'pending' && (
          <Button
            variant="subtle"
            size="compact-sm"
            onClick={() => redeliver.mutate(row, { onSuccess: () => notices.done(t('settings:deliveries.again')), onError: notices.failed })}
          >
            {t('settings:deliveries.redeliver')}
          </Button>
        )}
      </div>
      <ol className={css.tries}>
        {row.attempts.map((attempt) => (
          <li key={attempt.at_ns}>
            <When ns={attempt.at_ns} /> · {attempt.status === 0 ? attempt.error : attempt.status} · {duration(attempt.took_ms, language)}
          </li>
        ))}
      </ol>
      <details>
        <summary>{t('settings:deliveries.payload')}</summary>
        <CodeBlock label={t('settings:deliveries.payload')} code={row.payload} />
      </details>
    </li>
  );
}
