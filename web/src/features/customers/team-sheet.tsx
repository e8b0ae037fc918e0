import { Button, Group, SegmentedControl, Stack, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { count } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { usePlatform } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import { SideSheet } from '~/ui/dialog';
import { Facts, Sections } from '~/ui/facts';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';
import { Loaded } from '~/ui/states';

import { type Booking, type Team, useTeamBalance, useTeamDeeds } from './api';
import { TeamStatus } from './teams-page';

/** One team: what it has, and what may be done to it. */
export function TeamSheet({ team, onClose }: { team: Team; onClose: () => void }) {
  const { t, language } = useWords();
  const may = usePlatform();
  const balance = useTeamBalance(team.id);
  const limit = (value: number | null) => (value === null ? '–' : count(value, language));
  return (
    <SideSheet onClose={onClose} title={team.name} size="lg">
      <Sections>
        <Facts
          rows={[
            [t('customers:fact.id'), <code key="i">{team.id}</code>],
            [t('customers:column.status'), <TeamStatus key="s" status={team.status} />],
            [t('customers:column.zone'), team.zone],
            [t('customers:column.since'), <When key="w" ns={team.created_at_ns} />],
            [t('customers:fact.rpm'), limit(team.rpm)],
            [t('customers:fact.tpm'), limit(team.tpm)],
          ]}
        />
        {may('ledger.read') && (
          <div>
            <h3>{t('customers:balance')}</h3>
            <Loaded query={balance} rows={1}>
              {(now) => (
                <Facts
                  rows={[
                    [t('customers:fact.available'), <Money key="a" value={now.available_nanos} places={4} />],
                    [t('customers:fact.held'), <Money key="h" value={now.held_nanos} places={4} />],
                    [t('customers:fact.grants'), now.grants.length],
                  ]}
                />
              )}
            </Loaded>
          </div>
        )}
        {may('ledger.grant') && <Book team={team} />}
        {may('teams.freeze') && team.status !== 'deleted' && <Freeze team={team} />}
      </Sections>
    </SideSheet>
  );
}

const KINDS = ['grant', 'adjustment', 'refund'] as const;
const AMOUNT = /^-?\d{1,9}(\.\d{1,9})?$/;

function Book({ team }: { team: Team }) {
  const { t } = useWords();
  const notices = useNotices();
  const { book } = useTeamDeeds(team.id);
  const [kind, setKind] = useState<Booking['kind']>('grant');
  const [usd, setUsd] = useState('');
  const [note, setNote] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    book.mutate(
      { kind, usd: usd.trim(), note: note.trim() },
      {
        onSuccess: () => {
          notices.done(t('customers:book.done'));
          setUsd('');
          setNote('');
        },
      },
    );
  };
  return (
    <form onSubmit={submit}>
      <h3>{t('customers:book.title')}</h3>
      <Stack gap="sm">
        <SegmentedControl
          size="xs"
          aria-label={t('customers:book.kindName')}
          value={kind}
          onChange={(next) => setKind(KINDS.find((each) => each === next) ?? 'grant')}
          data={KINDS.map((each) => ({ value: each, label: t(`customers:book.kind.${each}`) }))}
        />
        <TextInput
          label={t('customers:book.amount')}
          description={t(`customers:book.hint.${kind}`)}
          leftSection="$"
          inputMode="decimal"
          value={usd}
          onChange={(event) => setUsd(event.currentTarget.value)}
        />
        <TextInput label={t('customers:book.note')} maxLength={500} value={note} onChange={(event) => setNote(event.currentTarget.value)} />
        <FormError error={book.error} />
        <Group>
          <Button type="submit" loading={book.isPending} disabled={!AMOUNT.test(usd.trim()) || note.trim() === ''}>
            {t('customers:book.action')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Freeze({ team }: { team: Team }) {
  const { t } = useWords();
  const notices = useNotices();
  const { freeze, unfreeze } = useTeamDeeds(team.id);
  const [reason, setReason] = useState('');
  const frozen = team.status === 'frozen';
  const deed = frozen ? unfreeze : freeze;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    deed.mutate(reason.trim(), {
      onSuccess: () => {
        setReason('');
        notices.done(frozen ? t('customers:freeze.thawed') : t('customers:freeze.done'));
      },
    });
  };
  return (
    <form onSubmit={submit}>
      <h3>{frozen ? t('customers:freeze.thaw') : t('customers:freeze.title')}</h3>
      <Stack gap="sm">
        <Textarea
          label={t('customers:freeze.reason')}
          description={frozen ? t('customers:freeze.thawText') : t('customers:freeze.text')}
          value={reason}
          maxLength={500}
          autosize
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <FormError error={deed.error} />
        <Group>
          <Button type="submit" variant="outline" color={frozen ? 'brand' : 'red.9'} loading={deed.isPending} disabled={reason.trim() === ''}>
            {frozen ? t('customers:freeze.thaw') : t('customers:freeze.action')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
