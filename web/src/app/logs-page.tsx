import { Button, Menu, Switch } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { useKeys } from '~/features/keys';
import { exportUrl, LogFilters, type LogSearch, LogsPanel, Views } from '~/features/logs';
import { useMembers } from '~/features/members';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { IconDownload } from '~/ui/icons';
import { Page } from '~/ui/page';

/** The log of requests, with the names of keys and members, which are other slices'. */
export function LogsPage() {
  const { t } = useWords();
  const team = useTeam();
  const navigate = useNavigate();
  const search = useSearch({ from: '/shell/teams/$teamId/logs' });
  const keys = useKeys(team.id).data ?? [];
  const members = useMembers(team.id).data ?? [];
  const [live, setLive] = useState(false);
  const open = (next: LogSearch) => void navigate({ to: '/teams/$teamId/logs', params: { teamId: team.id }, search: next });
  return (
    <Page
      title={t('app:nav.logs')}
      lead={t('app:logs.lead', { team: team.name })}
      actions={
        <>
          <Switch label={t('app:logs.live')} checked={live} onChange={(event) => setLive(event.currentTarget.checked)} styles={{ body: { alignItems: 'center', height: '100%' } }} />
          <Views teamId={team.id} search={search} onOpen={open} />
          <Menu shadow="md" position="bottom-end">
            <Menu.Target>
              <Button variant="default" leftSection={<IconDownload size={16} />}>
                {t('app:logs.export')}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {(['csv', 'jsonl'] as const).map((format) => (
                <Menu.Item key={format} component="a" href={exportUrl(team.id, search, format)} download>
                  {format.toUpperCase()}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        </>
      }
    >
      <LogFilters
        search={search}
        keys={keys.map(({ id, name }) => ({ id, name }))}
        members={members.map(({ user_id, name, email }) => ({ id: user_id, name: name || email }))}
        onChange={open}
      />
      <LogsPanel
        search={search}
        live={live}
        nameOfKey={(id) => keys.find((key) => key.id === id)?.name ?? id}
        onClear={() => open({})}
      />
    </Page>
  );
}
