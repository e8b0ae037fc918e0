import { Badge, Button, Select } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useMe, usePlatform } from '~/session/me';
import { When } from '~/ui/amounts';
import { Confirm } from '~/ui/confirm';
import { CopyLine } from '~/ui/copy';
import type { Column } from '~/ui/data-table';
import { Dialog } from '~/ui/dialog';
import { TwoLines } from '~/ui/facts';
import { IconUserCircle } from '~/ui/icons';
import { ListPanel } from '~/ui/list-panel';
import { useNotices } from '~/ui/notices';
import { Page } from '~/ui/page';

import { type PlatformRole, useAllUsers, type User, useUserDeeds } from './api';

const ROLES = ['platform_admin', 'platform_support', 'platform_finance'] as const satisfies readonly PlatformRole[];

export function UsersPage() {
  const { t } = useWords();
  const me = useMe();
  const may = usePlatform();
  const notices = useNotices();
  const users = useAllUsers();
  const { change, reset } = useUserDeeds();
  const [suspended, setSuspended] = useState<User | null>(null);
  const setRole = (user: User, role: string | null) =>
    change.mutate(
      { user, platform_role: ROLES.find((each) => each === role) ?? null },
      { onSuccess: () => notices.done(t('customers:users.changed')), onError: notices.failed },
    );
  const columns: Column<User>[] = [
    { id: 'email', name: t('customers:column.user'), cell: (user) => <TwoLines first={user.name || user.email} second={user.email} /> },
    {
      id: 'status',
      name: t('customers:column.status'),
      cell: (user) => (
        <Badge variant="light" color={user.status === 'active' ? 'brand' : 'orange'} tt="none">
          {user.status === 'active' ? t('customers:users.active') : t('customers:users.suspended')}
        </Badge>
      ),
    },
    {
      id: 'role',
      name: t('customers:column.role'),
      cell: (user) => (
        <Select
          size="xs"
          w={170}
          aria-label={t('customers:users.roleOf', { name: user.email })}
          placeholder={t('customers:users.noRole')}
          data={ROLES.map((role) => ({ value: role, label: t(`customers:role.${role}`) }))}
          value={user.platform_role}
          disabled={!may('platform_roles.write') || user.id === me.user.id}
          onChange={(role) => setRole(user, role)}
          clearable
          clearButtonProps={{ 'aria-label': t('app:action.clear') }}
        />
      ),
    },
    { id: 'since', name: t('customers:column.since'), cell: (user) => <When ns={user.created_at_ns} /> },
    {
      id: 'do',
      name: t('customers:column.actions'),
      end: true,
      cell: (user) =>
        may('users.write') &&
        user.id !== me.user.id && (
          <>
            <Button variant="subtle" size="compact-sm" onClick={() => reset.mutate(user, { onError: notices.failed })}>
              {t('customers:users.reset')}
            </Button>
            <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setSuspended(user)}>
              {user.status === 'active' ? t('customers:users.suspend') : t('customers:users.restore')}
            </Button>
          </>
        ),
    },
  ];
  return (
    <Page title={t('customers:users.title')} lead={t('customers:users.lead')}>
      <ListPanel
        untitled
        title={t('customers:users.title')}
        list={users}
        columns={columns}
        rowId={(user) => user.id}
        icon={<IconUserCircle />}
        empty={t('customers:users.empty')}
        emptyText={t('customers:users.emptyText')}
      />
      {suspended !== null && (
        <Confirm
          title={t(suspended.status === 'active' ? 'customers:users.suspendTitle' : 'customers:users.restoreTitle', { name: suspended.email })}
          consequence={t(suspended.status === 'active' ? 'customers:users.suspendText' : 'customers:users.restoreText')}
          action={suspended.status === 'active' ? t('customers:users.suspend') : t('customers:users.restore')}
          mild={suspended.status !== 'active'}
          busy={change.isPending}
          error={change.error}
          onConfirm={() =>
            change.mutate(
              { user: suspended, status: suspended.status === 'active' ? 'suspended' : 'active' },
              { onSuccess: () => setSuspended(null) },
            )
          }
          onClose={() => setSuspended(null)}
        />
      )}
      {reset.data !== undefined && (
        <Dialog title={t('customers:users.reset')} onClose={reset.reset}>
          {reset.data.link == null ? (
            t('customers:users.resetSent')
          ) : (
            <>
              <p>{t('customers:users.resetLink')}</p>
              <CopyLine value={reset.data.link} label={t('app:action.copy')} />
            </>
          )}
        </Dialog>
      )}
    </Page>
  );
}
