import { Outlet, useParams } from '@tanstack/react-router';
import { useEffect } from 'react';

import { useWords } from '~/i18n/use-words';
import { rememberTeam, useMe } from '~/session/me';
import { IconSearchOff } from '~/ui/icons';
import { Empty } from '~/ui/states';

/** Everything below `/teams/…`: a team that is not the reader's is not there. */
export function TeamLayout() {
  const { t } = useWords();
  const me = useMe();
  const { teamId } = useParams({ from: '/shell/teams/$teamId' });
  const known = me.teams.some((team) => team.id === teamId);
  useEffect(() => {
    if (known) rememberTeam(teamId);
  }, [known, teamId]);
  if (!known) {
    return <Empty alone icon={<IconSearchOff />} title={t('app:missing.team')} text={t('app:missing.teamText')} />;
  }
  return <Outlet />;
}
