import { AuditPanel } from '~/features/audit';
import { useMembers } from '~/features/members';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Page } from '~/ui/page';

/** A team's audit log, with the names of its members. */
export function AuditPage() {
  const { t } = useWords();
  const team = useTeam();
  const members = useMembers(team.id).data ?? [];
  const names = new Map(members.map(({ user_id, name, email }) => [user_id, name || email]));
  return (
    <Page title={t('audit:title')} lead={t('audit:lead')}>
      <AuditPanel teamId={team.id} nameOf={(id) => names.get(id) ?? id} />
    </Page>
  );
}
