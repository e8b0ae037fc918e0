import { Badge, Button, Select } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useForget, useMe, useTeam } from '~/session/me';
import { roleOf, ROLES } from '~/session/permissions';
import { When } from '~/ui/amounts';
import { Confirm } from '~/ui/confirm';
import { type Column, DataTable } from '~/ui/data-table';
import { IconUsers } from '~/ui/icons';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Member, type Role, useChangeRole, useLeave, useMembers, useRemoveMember } from './api';
import css from './members.module.css';

export function MembersPanel() {
  const { t } = useWords();
  const me = useMe();
  const team = useTeam();
  const members = useMembers(team.id);
  const [leaving, setLeaving] = useState<Member | null>(null);
  // The server has the last word; here only what would surely be refused is left out.
  const touches = (member: Member) => team.role === 'owner' || member.role !== 'owner';
  const columns: Column<Member>[] = [
    {
      id: 'person',
      name: t('members:column.person'),
      cell: (member) => (
        <span className={css.person}>
          <strong>
            {member.name || member.email}{' '}
            {member.user_id === me.user.id && (
              <Badge size="sm" variant="light" color="gray" tt="none">
                {t('members:you')}
              </Badge>
            )}
          </strong>
          <span>{member.email}</span>
        </span>
      ),
    },
    {
      id: 'role',
      name: t('members:column.role'),
      cell: (member) =>
        team.may('members.update') && touches(member) && member.user_id !== me.user.id ? (
          <RoleSelect member={member} />
        ) : (
          t(`app:role.${roleOf(member.role)}`)
        ),
    },
    { id: 'since', name: t('members:column.since'), cell: (member) => <When ns={member.created_at_ns} /> },
    {
      id: 'actions',
      name: t('members:column.actions'),
      end: true,
      cell: (member) => {
        const self = member.user_id === me.user.id;
        if (!self && !(team.may('members.remove') && touches(member))) return null;
        return (
          <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setLeaving(member)}>
            {self ? t('members:leave.action') : t('members:remove.action')}
          </Button>
        );
      },
    },
  ];
  return (
    <Panel title={t('members:list')} flush>
      <Loaded query={members}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={<IconUsers />} title={t('members:empty.title')} text={t('members:empty.text')} />
          ) : (
            <DataTable
              caption={t('members:list')}
              columns={columns}
              rows={rows}
              rowId={(member) => member.user_id}
              more={
                members.hasNextPage
                  ? { load: () => void members.fetchNextPage(), loading: members.isFetchingNextPage }
                  : undefined
              }
            />
          )
        }
      </Loaded>
      {leaving !== null && <Leave member={leaving} onClose={() => setLeaving(null)} />}
    </Panel>
  );
}

function RoleSelect({ member }: { member: Member }) {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const change = useChangeRole(team.id);
  const offered = ROLES.filter((role) => role !== 'owner' || team.role === 'owner');
  return (
    <Select
      className={css.role}
      size="xs"
      aria-label={t('members:role.of', { name: member.name || member.email })}
      allowDeselect={false}
      disabled={change.isPending}
      value={member.role}
      data={offered.map((role) => ({ value: role, label: t(`app:role.${role}`) }))}
      onChange={(role) => {
        if (role === null || role === member.role) return;
        change.mutate(
          { member, role: role as Role },
          {
            onSuccess: () => notices.done(t('members:role.done', { name: member.name || member.email })),
            onError: notices.failed,
          },
        );
      }}
    />
  );
}

function Leave({ member, onClose }: { member: Member; onClose: () => void }) {
  const { t } = useWords();
  const me = useMe();
  const team = useTeam();
  const navigate = useNavigate();
  const forget = useForget();
  const notices = useNotices();
  const remove = useRemoveMember(team.id);
  const leave = useLeave(team.id);
  const self = member.user_id === me.user.id;
  const name = member.name || member.email;
  const done = async () => {
    onClose();
    if (!self) {
      notices.done(t('members:remove.done', { name }));
      return;
    }
    await forget();
    await navigate({ to: '/' });
  };
  return (
    <Confirm
      title={self ? t('members:leave.title', { team: team.name }) : t('members:remove.title', { name })}
      consequence={self ? t('members:leave.consequence') : t('members:remove.consequence')}
      action={self ? t('members:leave.action') : t('members:remove.action')}
      busy={remove.isPending || leave.isPending}
      error={remove.error ?? leave.error}
      onConfirm={() => {
        if (self) leave.mutate(undefined, { onSuccess: () => void done() });
        else remove.mutate(member, { onSuccess: () => void done() });
      }}
      onClose={onClose}
    />
  );
}
