import { Badge, Button, Group, Select, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { roleOf, ROLES } from '~/session/permissions';
import { When } from '~/ui/amounts';
import { Confirm } from '~/ui/confirm';
import { CopyLine } from '~/ui/copy';
import { type Column, DataTable } from '~/ui/data-table';
import { FormError } from '~/ui/form-error';
import { IconMail } from '~/ui/icons';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Loaded } from '~/ui/states';

import { type Invitation, type Role, useInvitations, useInvite, useResend, useRevokeInvitation } from './api';
import css from './members.module.css';

export function InvitationsPanel() {
  const { t } = useWords();
  const team = useTeam();
  return (
    <Panel title={t('members:invite.title')} note={t('members:invite.note')} flush>
      {team.may('invitations.create') && <InviteForm />}
      <Waiting />
    </Panel>
  );
}

function InviteForm() {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const invite = useInvite(team.id);
  const form = useForm({ initialValues: { email: '', role: 'member' as Role } });
  const offered = ROLES.filter((role) => role !== 'owner' || team.role === 'owner');
  const submit = form.onSubmit((values) =>
    invite.mutate(values, {
      onSuccess: () => {
        notices.done(t('members:invite.done', { email: values.email }));
        form.reset();
      },
    }),
  );
  const link = invite.data?.link ?? null;
  return (
    <form onSubmit={submit} style={{ padding: '0.35rem 1.15rem 1.15rem' }}>
      <div className={css.invite}>
        <TextInput
          label={t('members:invite.email')}
          type="email"
          required
          withAsterisk={false}
          placeholder="name@example.com"
          {...form.getInputProps('email')}
        />
        <Select
          label={t('members:column.role')}
          allowDeselect={false}
          data={offered.map((role) => ({ value: role, label: t(`app:role.${role}`) }))}
          {...form.getInputProps('role')}
        />
        <Button type="submit" leftSection={<IconMail size={16} />} loading={invite.isPending}>
          {t('members:invite.action')}
        </Button>
      </div>
      <p className={css.rights}>{t(`members:rights.${form.values.role}`)}</p>
      {invite.error !== null && <FormError error={invite.error} />}
      {link !== null && (
        <div style={{ marginTop: '0.75rem' }}>
          <p className={css.rights}>{t('members:invite.link')}</p>
          <CopyLine value={link} label={t('members:invite.copy')} />
        </div>
      )}
    </form>
  );
}

function Waiting() {
  const { t } = useWords();
  const team = useTeam();
  const invitations = useInvitations(team.id, team.may('invitations.read'));
  const [revoked, setRevoked] = useState<Invitation | null>(null);
  const columns: Column<Invitation>[] = [
    { id: 'email', name: t('members:invite.email'), cell: (each) => <strong className={css.person}>{each.email}</strong> },
    { id: 'role', name: t('members:column.role'), cell: (each) => t(`app:role.${roleOf(each.role)}`) },
    {
      id: 'expires',
      name: t('members:column.expires'),
      cell: (each) =>
        each.state === 'expired' ? (
          <Badge variant="light" color="orange" tt="none">
            {t('members:invite.expired')}
          </Badge>
        ) : (
          <When ns={each.expires_at_ns} />
        ),
    },
    {
      id: 'actions',
      name: t('members:column.actions'),
      end: true,
      cell: (each) => <RowActions invitation={each} onRevoke={() => setRevoked(each)} />,
    },
  ];
  return (
    <Loaded query={invitations} rows={2}>
      {(rows) =>
        rows.length === 0 ? null : (
          <>
            <DataTable
              caption={t('members:invite.waiting')}
              columns={columns}
              rows={rows}
              rowId={(each) => each.id}
              more={
                invitations.hasNextPage
                  ? { load: () => void invitations.fetchNextPage(), loading: invitations.isFetchingNextPage }
                  : undefined
              }
            />
            {revoked !== null && <Revoke invitation={revoked} onClose={() => setRevoked(null)} />}
          </>
        )
      }
    </Loaded>
  );
}

function RowActions({ invitation, onRevoke }: { invitation: Invitation; onRevoke: () => void }) {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const resend = useResend(team.id);
  return (
    <Group gap={4} justify="flex-end" wrap="nowrap">
      {team.may('invitations.create') && (
        <Button
          variant="subtle"
          size="compact-sm"
          loading={resend.isPending}
          onClick={() =>
            resend.mutate(invitation, {
              onSuccess: () => notices.done(t('members:invite.resent', { email: invitation.email })),
              onError: notices.failed,
            })
          }
        >
          {t('members:invite.resend')}
        </Button>
      )}
      {team.may('invitations.revoke') && (
        <Button variant="subtle" color="gray" size="compact-sm" onClick={onRevoke}>
          {t('members:invite.revoke')}
        </Button>
      )}
    </Group>
  );
}

function Revoke({ invitation, onClose }: { invitation: Invitation; onClose: () => void }) {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const revoke = useRevokeInvitation(team.id);
  return (
    <Confirm
      title={t('members:invite.revokeTitle', { email: invitation.email })}
      consequence={t('members:invite.revokeConsequence')}
      action={t('members:invite.revoke')}
      busy={revoke.isPending}
      error={revoke.error}
      onConfirm={() =>
        revoke.mutate(invitation, {
          onSuccess: () => {
            notices.done(t('members:invite.revoked', { email: invitation.email }));
            onClose();
          },
        })
      }
      onClose={onClose}
    />
  );
}
