import { Menu, UnstyledButton } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';

import { api } from '~/api/client';
import { useWords } from '~/i18n/use-words';
import { useForget, useMe } from '~/session/me';
import { IconCheck, IconLogout, IconPlus, IconUserCircle } from '~/ui/icons';
import { useNotices } from '~/ui/notices';

import { useCurrentTeam } from './current-team';
import { TeamFace, UserFace } from './faces';
import css from './layout.module.css';

export function TeamPicker() {
  const { t } = useWords();
  const me = useMe();
  const current = useCurrentTeam();
  const navigate = useNavigate();
  return (
    <Menu width="target" shadow="md">
      <Menu.Target>
        <UnstyledButton className={css.picker}>
          <TeamFace />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        {me.teams.map((team) => (
          <Menu.Item
            key={team.id}
            leftSection={team.id === current?.id ? <IconCheck size={16} /> : <span style={{ width: 16 }} />}
            onClick={() => void navigate({ to: '/teams/$teamId', params: { teamId: team.id } })}
          >
            {team.name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconPlus size={16} />} onClick={() => void navigate({ to: '/teams/new' })}>
          {t('app:team.new')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export function UserMenu() {
  const { t } = useWords();
  const navigate = useNavigate();
  const forget = useForget();
  const notices = useNotices();
  const signOut = async () => {
    try {
      await api.post('/api/v1/auth/sign-out');
    } catch (error) {
      notices.failed(error as Error);
      return;
    }
    await forget();
    await navigate({ to: '/sign-in' });
  };
  return (
    <Menu width="target" shadow="md" position="top-start">
      <Menu.Target>
        <UnstyledButton className={css.picker}>
          <UserFace />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconUserCircle size={16} />} onClick={() => void navigate({ to: '/profile' })}>
          {t('app:user.profile')}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
          {t('app:user.signOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
