import { Badge, Progress } from '@mantine/core';
import { type ReactNode } from 'react';

import { useWords } from '~/i18n/use-words';
import { nanos, share } from '~/i18n/money';
import { useTeam } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import { Panel } from '~/ui/page';
import { Loaded } from '~/ui/states';

import { type Grant, useBalance } from './api';
import css from './ledger.module.css';

/** What the team can spend, what of it is set aside, and the credits it comes from. */
export function BalancePanel() {
  const { t } = useWords();
  const team = useTeam();
  const balance = useBalance(team.id);
  return (
    <Panel title={t('ledger:balance.title')}>
      <Loaded query={balance} rows={2}>
        {(now) => (
          <>
            <dl className={css.figures}>
              <Figure name={t('ledger:balance.available')} note={t('ledger:balance.availableNote')} low={nanos(now.available_nanos) <= 0n}>
                <Money value={now.available_nanos} places={2} />
              </Figure>
              <Figure name={t('ledger:balance.held')} note={t('ledger:balance.heldNote')}>
                <Money value={now.held_nanos} places={2} />
              </Figure>
            </dl>
            <div className={css.grants}>
              <h3>{t('ledger:grants.title')}</h3>
              {now.grants.length === 0 ? (
                <p className={css.sub}>{t('ledger:grants.empty')}</p>
              ) : (
                <ul>
                  {now.grants.map((grant) => (
                    <GrantLine key={grant.id} grant={grant} />
                  ))}
                </ul>
              )}
            </div>
          </>
        )}
      </Loaded>
    </Panel>
  );
}

interface FigureProps {
  name: string;
  note: string;
  low?: boolean;
  children: ReactNode;
}

function Figure({ name, note, low = false, children }: FigureProps) {
  return (
    <div className={css.figure}>
      <dt>{name}</dt>
      <dd data-low={low}>{children}</dd>
      <dd className={css.figureNote}>{note}</dd>
    </div>
  );
}

function GrantLine({ grant }: { grant: Grant }) {
  const { t } = useWords();
  return (
    <li className={css.grant}>
      <span>
        <Badge variant="light" color={grant.kind === 'paid' ? 'brand' : 'grape'} tt="none" mr={8}>
          {t(`ledger:grants.kind.${grant.kind}`)}
        </Badge>
        {grant.expires_at_ns == null ? (
          <span className={css.sub}>{t('ledger:grants.noExpiry')}</span>
        ) : (
          <span className={css.sub}>
            {t('ledger:grants.expires')} <When ns={grant.expires_at_ns} />
          </span>
        )}
      </span>
      <span className={css.end}>
        <Money value={grant.remaining_nanos} places={2} />{' '}
        <span className={css.sub}>
          / <Money value={grant.amount_nanos} places={2} />
        </span>
      </span>
      <Progress
        className={css.bar}
        size="xs"
        value={share(grant.remaining_nanos, grant.amount_nanos)}
        aria-label={t('ledger:grants.left')}
      />
    </li>
  );
}
