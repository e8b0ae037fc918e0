import { Badge, Button } from '@mantine/core';
import { useState } from 'react';

import { count } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { usePlatform } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import type { Column } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { IconGift, IconPlus } from '~/ui/icons';
import kit from '~/ui/kit.module.css';
import { ListPanel } from '~/ui/list-panel';
import { Page } from '~/ui/page';

import { type Campaign, useCampaigns } from './api';
import { CampaignSheet } from './campaign-sheet';
import { NewCampaignSheet } from './new-campaign';

const COLOURS: Record<string, string> = { active: 'brand', paused: 'orange', revoked: 'red' };

export function CampaignStatus({ status }: { status: string }) {
  const { t } = useWords();
  const known = (['active', 'paused', 'revoked'] as const).find((each) => each === status);
  return (
    <Badge variant="light" color={COLOURS[status] ?? 'gray'} tt="none">
      {known === undefined ? status : t(`campaigns:status.${known}`)}
    </Badge>
  );
}

export function CampaignsPage() {
  const { t, language } = useWords();
  const may = usePlatform();
  const campaigns = useCampaigns();
  const [open, setOpen] = useState<string | null>(null);
  const [making, setMaking] = useState(false);
  const shown = campaigns.data?.find((campaign) => campaign.id === open);
  const columns: Column<Campaign>[] = [
    {
      id: 'name',
      name: t('campaigns:column.name'),
      cell: (row) => (
        <TwoLines
          first={
            <button type="button" className={kit.rowLink} onClick={() => setOpen(row.id)}>
              {row.name}
            </button>
          }
          second={row.note}
        />
      ),
    },
    { id: 'status', name: t('campaigns:column.status'), cell: (row) => <CampaignStatus status={row.status} /> },
    { id: 'amount', name: t('campaigns:column.amount'), end: true, cell: (row) => <Money value={row.amount_nanos} places={9} /> },
    {
      id: 'redeemed',
      name: t('campaigns:column.redeemed'),
      end: true,
      cell: (row) => `${count(row.redeemed, language)}${row.max_redemptions === null ? '' : ` / ${count(row.max_redemptions, language)}`}`,
    },
    { id: 'ends', name: t('campaigns:column.ends'), cell: (row) => <When ns={row.ends_at_ns} none={t('campaigns:never')} /> },
  ];
  return (
    <Page
      title={t('campaigns:title')}
      lead={t('campaigns:lead')}
      actions={
        may('campaigns.write') && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>
            {t('campaigns:new.open')}
          </Button>
        )
      }
    >
      <ListPanel
        untitled
        title={t('campaigns:title')}
        list={campaigns}
        columns={columns}
        rowId={(row) => row.id}
        icon={<IconGift />}
        empty={t('campaigns:empty')}
        emptyText={t('campaigns:emptyText')}
      />
      {making && (
        <NewCampaignSheet
          onClose={() => setMaking(false)}
          onMade={(id) => {
            setMaking(false);
            setOpen(id);
          }}
        />
      )}
      {shown !== undefined && <CampaignSheet campaign={shown} onClose={() => setOpen(null)} />}
    </Page>
  );
}
