import { useParams } from '@tanstack/react-router';

import { useKeys } from '~/features/keys';
import { KeptBody, LogSections, useLog } from '~/features/logs';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { IconChevronLeft, IconMessages, IconPlayerPlay } from '~/ui/icons';
import { LinkButton, TextLink } from '~/ui/link';
import { Page } from '~/ui/page';
import { Loaded } from '~/ui/states';

/** One request in full. */
export function LogPage() {
  const { t } = useWords();
  const team = useTeam();
  const { requestId } = useParams({ from: '/shell/teams/$teamId/logs/$requestId' });
  const log = useLog(requestId);
  const keys = useKeys(team.id).data ?? [];
  const params = { teamId: team.id };
  return (
    <Page
      title={t('app:logs.one')}
      lead={<code>{requestId}</code>}
      actions={
        <>
          <LinkButton to="/teams/$teamId/logs" params={params} variant="default" leftSection={<IconChevronLeft size={16} />}>
            {t('app:logs.all')}
          </LinkButton>
          {log.data !== undefined && team.may('keys.create') && (
            <LinkButton
              to="/teams/$teamId/playground"
              params={params}
              search={{ model: log.data.requested_model }}
              variant="default"
              leftSection={<IconMessages size={16} />}
            >
              {t('app:logs.try')}
            </LinkButton>
          )}
        </>
      }
    >
      <Loaded query={log} rows={6}>
        {(one) => (
          <LogSections
            log={one}
            keyName={keys.find((key) => key.id === one.key_id)?.name ?? one.key_id}
            session={
              one.session_id === null ? (
                '–'
              ) : (
                <TextLink to="/teams/$teamId/logs" params={params} search={{ session_id: one.session_id }} inherit>
                  {one.session_id}
                </TextLink>
              )
            }
            body={
              <KeptBody
                requestId={one.id}
                replay={
                  team.may('keys.create') && (
                    <LinkButton
                      to="/teams/$teamId/playground"
                      params={params}
                      search={{ replay: one.id }}
                      variant="default"
                      size="xs"
                      leftSection={<IconPlayerPlay size={16} />}
                    >
                      {t('app:logs.replay')}
                    </LinkButton>
                  )
                }
              />
            }
          />
        )}
      </Loaded>
    </Page>
  );
}
