
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Page } from '~/ui/page';

import { InvitationsPanel } from './invitations-panel';
import { MembersPanel } from './members-panel';

export function MembersPage() {
  const { t } = useWords();
  const team = useTeam();
  return (
    <Page title={t('members:title')} lead={t('members:lead', { team: team.name })}>
      {team.may('invitations.read') && <InvitationsPanel />}
      <MembersPanel />
    </Page>
  );
}
