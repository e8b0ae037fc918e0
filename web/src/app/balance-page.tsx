
import { useWords } from '~/i18n/use-words';
import { BudgetsPanel } from '~/features/budgets';
import { useKeys } from '~/features/keys';
import { BalancePanel, EntriesPanel } from '~/features/ledger';
import { useMembers } from '~/features/members';
import { RedeemPanel } from '~/features/redeem';
import { useTeam } from '~/session/me';
import { Page } from '~/ui/page';

/** Money of one team: two slices side by side, and the names that budgets show from two more. */
export function BalancePage() {
  const { t } = useWords();
  const team = useTeam();
  const keys = useKeys(team.id);
  const members = useMembers(team.id);
  const subjects = {
    key: (keys.data ?? []).map(({ id, name }) => ({ id, name })),
    member: (members.data ?? []).map(({ user_id, name, email }) => ({ id: user_id, name: name || email })),
  };
  return (
    <Page title={t('app:balance.title')} lead={t('app:balance.lead', { team: team.name })}>
      {team.may('billing.read') && <BalancePanel />}
      {team.may('billing.read') && <RedeemPanel />}
      {team.may('budgets.read') && <BudgetsPanel subjects={subjects} />}
      {team.may('billing.read') && <EntriesPanel />}
    </Page>
  );
}
