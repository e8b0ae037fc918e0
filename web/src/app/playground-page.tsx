import { useSearch } from '@tanstack/react-router';

import { RequestCost, useKeptBody } from '~/features/logs';
import { Playground, startOf } from '~/features/playground';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Page } from '~/ui/page';
import { Loaded } from '~/ui/states';

/** Trying models, and what their requests cost: two slices. A kept request can be asked again. */
export function PlaygroundPage() {
  const { t } = useWords();
  const team = useTeam();
  const { model, replay } = useSearch({ from: '/shell/teams/$teamId/playground' });
  const body = useKeptBody(replay ?? '', replay !== undefined);
  const costOf = (requestId: string) => <RequestCost teamId={team.id} requestId={requestId} />;
  if (replay === undefined) return <Playground model={model} costOf={costOf} />;
  if (body.data === undefined) {
    return (
      <Page title={t('playground:title')}>
        <Loaded query={body}>{() => null}</Loaded>
      </Page>
    );
  }
  return <Playground key={replay} model={model} start={startOf(body.data.request.text) ?? undefined} costOf={costOf} />;
}
