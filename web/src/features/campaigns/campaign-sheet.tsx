import { Button, Group, NumberInput, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { count } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { usePlatform } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import { Confirm } from '~/ui/confirm';
import { CodeBlock } from '~/ui/copy';
import { type Column, DataTable } from '~/ui/data-table';
import { SideSheet } from '~/ui/dialog';
import { Facts, Sections } from '~/ui/facts';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';
import { Loaded } from '~/ui/states';

import { type Campaign, type Code, type Redeemed, useCampaignDeeds, useCodes, useRedeemed } from './api';
import { CampaignStatus } from './campaigns-page';

const MOST_CODES = 10_000;

/** One campaign: its terms, its codes, who redeemed them, and how it is stopped. */
export function CampaignSheet({ campaign, onClose }: { campaign: Campaign; onClose: () => void }) {
  const { t, language } = useWords();
  const may = usePlatform()('campaigns.write');
  const codes = useCodes(campaign.id);
  const redeemed = useRedeemed(campaign.id);
  const limit = (value: number | null) => (value === null ? '–' : count(value, language));
  const codeColumns: Column<Code>[] = [
    { id: 'hint', name: t('campaigns:code.hint'), cell: (row) => <code>{row.hint}</code> },
    { id: 'status', name: t('campaigns:column.status'), cell: (row) => row.status },
    { id: 'uses', name: t('campaigns:code.uses'), end: true, cell: (row) => `${row.uses} / ${row.max_uses}` },
  ];
  const redeemedColumns: Column<Redeemed>[] = [
    { id: 'team', name: t('campaigns:redeemed.team'), cell: (row) => row.team_id },
    { id: 'at', name: t('campaigns:redeemed.at'), cell: (row) => <When ns={row.at_ns} /> },
    { id: 'amount', name: t('campaigns:column.amount'), end: true, cell: (row) => <Money value={row.amount_nanos} places={9} /> },
  ];
  return (
    <SideSheet onClose={onClose} title={campaign.name} size="xl">
      <Sections>
        <Facts
          rows={[
            [t('campaigns:column.status'), <CampaignStatus key="s" status={campaign.status} />],
            [t('campaigns:column.amount'), <Money key="a" value={campaign.amount_nanos} places={9} />],
            [t('campaigns:column.redeemed'), count(campaign.redeemed, language)],
            [t('campaigns:column.ends'), <When key="e" ns={campaign.ends_at_ns} none={t('campaigns:never')} />],
            [t('campaigns:new.max_redemptions'), limit(campaign.max_redemptions)],
            [t('campaigns:new.per_team'), limit(campaign.per_team)],
            [t('campaigns:new.per_user'), limit(campaign.per_user)],
            [t('campaigns:new.credit_days'), limit(campaign.credit_days)],
            [t('campaigns:new.new_team_days'), limit(campaign.new_team_days)],
            [t('campaigns:new.domains'), campaign.domains.join(', ') || '–'],
          ]}
        />
        {may && campaign.status !== 'revoked' && <Generate campaign={campaign} />}
        <div>
          <h3>{t('campaigns:codes')}</h3>
          <Loaded query={codes} rows={2}>
            {(rows) => (rows.length === 0 ? <p>{t('campaigns:noCodes')}</p> : <DataTable caption={t('campaigns:codes')} columns={codeColumns} rows={rows} rowId={(row) => row.id} />)}
          </Loaded>
        </div>
        <div>
          <h3>{t('campaigns:redemptions')}</h3>
          <Loaded query={redeemed} rows={2}>
            {(rows) => (rows.length === 0 ? <p>{t('campaigns:noRedemptions')}</p> : <DataTable caption={t('campaigns:redemptions')} columns={redeemedColumns} rows={rows} rowId={(row) => row.id} />)}
          </Loaded>
        </div>
        {may && <Stopping campaign={campaign} />}
      </Sections>
    </SideSheet>
  );
}

function Generate({ campaign }: { campaign: Campaign }) {
  const { t } = useWords();
  const { generate } = useCampaignDeeds(campaign.id);
  const [many, setMany] = useState<number | string>(10);
  const [uses, setUses] = useState<number | string>(1);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typeof many === 'number' && typeof uses === 'number') generate.mutate({ count: many, uses });
  };
  return (
    <form onSubmit={submit}>
      <h3>{t('campaigns:generate.title')}</h3>
      <Group align="flex-end">
        <NumberInput label={t('campaigns:generate.count')} min={1} max={MOST_CODES} allowDecimal={false} value={many} onChange={setMany} w={140} />
        <NumberInput label={t('campaigns:generate.uses')} min={1} allowDecimal={false} value={uses} onChange={setUses} w={160} />
        <Button type="submit" loading={generate.isPending} disabled={typeof many !== 'number' || typeof uses !== 'number'}>
          {t('campaigns:generate.action')}
        </Button>
      </Group>
      <FormError error={generate.error} />
      {generate.data?.codes != null && (
        <>
          <p>{t('campaigns:generate.once')}</p>
          <CodeBlock label={t('campaigns:codes')} code={generate.data.codes.join('\n')} />
        </>
      )}
    </form>
  );
}

type Deed = 'revoke' | 'clawBack';

function Stopping({ campaign }: { campaign: Campaign }) {
  const { t } = useWords();
  const notices = useNotices();
  const deeds = useCampaignDeeds(campaign.id);
  const [asked, setAsked] = useState<Deed | null>(null);
  const [reason, setReason] = useState('');
  const close = () => setAsked(null);
  return (
    <div>
      <h3>{t('campaigns:stop.title')}</h3>
      <Group>
        {campaign.status === 'active' && (
          <Button variant="default" loading={deeds.pause.isPending} onClick={() => deeds.pause.mutate(undefined, { onError: notices.failed })}>
            {t('campaigns:stop.pause')}
          </Button>
        )}
        {campaign.status === 'paused' && (
          <Button variant="default" loading={deeds.resume.isPending} onClick={() => deeds.resume.mutate(undefined, { onError: notices.failed })}>
            {t('campaigns:stop.resume')}
          </Button>
        )}
        {campaign.status !== 'revoked' && (
          <Button variant="outline" color="red.9" onClick={() => setAsked('revoke')}>
            {t('campaigns:stop.revoke')}
          </Button>
        )}
        <Button variant="outline" color="red.9" onClick={() => setAsked('clawBack')}>
          {t('campaigns:stop.clawBack')}
        </Button>
      </Group>
      {asked === 'revoke' && (
        <Confirm
          title={t('campaigns:stop.revokeTitle', { name: campaign.name })}
          consequence={t('campaigns:stop.revokeText')}
          action={t('campaigns:stop.revoke')}
          busy={deeds.revoke.isPending}
          error={deeds.revoke.error}
          onConfirm={() => deeds.revoke.mutate(undefined, { onSuccess: close })}
          onClose={close}
        />
      )}
      {asked === 'clawBack' && (
        <Confirm
          title={t('campaigns:stop.clawBackTitle', { name: campaign.name })}
          consequence={
            <>
              {t('campaigns:stop.clawBackText')}
              <TextInput mt="sm" label={t('campaigns:stop.reason')} maxLength={500} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
            </>
          }
          action={t('campaigns:stop.clawBack')}
          busy={deeds.clawBack.isPending}
          error={deeds.clawBack.error}
          onConfirm={() =>
            deeds.clawBack.mutate(reason.trim(), {
              onSuccess: (done) => {
                notices.done(t('campaigns:stop.clawedBack', { count: done }));
                close();
              },
            })
          }
          onClose={close}
        />
      )}
    </div>
  );
}
