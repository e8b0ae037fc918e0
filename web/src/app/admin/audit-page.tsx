import { AuditPanel } from '~/features/audit';
import { useWords } from '~/i18n/use-words';
import { Page } from '~/ui/page';

/** Everything that was done on the platform. */
export function PlatformAuditPage() {
  const { t } = useWords();
  return (
    <Page title={t('audit:title')} lead={t('app:admin.auditLead')}>
      <AuditPanel nameOf={(id) => id} />
    </Page>
  );
}
