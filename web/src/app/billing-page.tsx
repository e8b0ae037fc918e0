import { DocumentsPanel, PaymentsPanel, ProfilePanel, RechargePanel, TopUpPanel } from '~/features/payments';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Page } from '~/ui/page';

/** How money comes in, and the papers of it. */
export function BillingPage() {
  const { t } = useWords();
  const team = useTeam();
  return (
    <Page title={t('app:billing.title')} lead={t('app:billing.lead', { team: team.name })}>
      <TopUpPanel />
      <RechargePanel />
      <PaymentsPanel />
      <DocumentsPanel />
      <ProfilePanel />
    </Page>
  );
}
