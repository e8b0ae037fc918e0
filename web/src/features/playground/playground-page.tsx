import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';

import { listModels } from '~/api/data-plane';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { IconAdjustments, IconEraser, IconLock, IconPlus } from '~/ui/icons';
import { Page } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { Composer } from './composer';
import { PaneView } from './pane-view';
import { MOST_PANES, type Pane, usePanes } from './panes';
import { ParameterFields } from './parameters';
import css from './playground.module.css';
import type { Start } from './replay';
import { DEFAULTS, toolsOf } from './run';

interface PlaygroundProps {
  /** The model that a link named. */
  model: string | undefined;
  /** A kept request that is asked again. */
  start?: Start | undefined;
  /** What the log knows of a request, and the way there: another slice's. */
  costOf: (requestId: string) => ReactNode;
}

export function Playground({ model, start, costOf }: PlaygroundProps) {
  const { t } = useWords();
  const team = useTeam();
  const allowed = team.may('keys.create');
  const models = useQuery({
    queryKey: ['team', team.id, 'models'],
    queryFn: ({ signal }) => listModels(team.id, signal),
    enabled: allowed,
    staleTime: 60_000,
  });
  if (!allowed) {
    return (
      <Page title={t('playground:title')}>
        <Empty icon={<IconLock />} title={t('playground:forbidden')} text={t('playground:forbiddenText')} />
      </Page>
    );
  }
  return (
    <Loaded query={models}>
      {(rows) => {
        const chat = rows.filter((row) => row.kind === 'chat');
        const first = chat.find((row) => row.id === (start?.model ?? model)) ?? chat[0];
        return <Talk models={rows} first={first?.id ?? null} start={start} costOf={costOf} />;
      }}
    </Loaded>
  );
}

interface TalkProps {
  models: Awaited<ReturnType<typeof listModels>>;
  first: string | null;
  start: Start | undefined;
  costOf: (requestId: string) => ReactNode;
}

function Talk({ models, first, start, costOf }: TalkProps) {
  const { t } = useWords();
  const team = useTeam();
  const [wanted, setWanted] = useState(start?.wanted ?? DEFAULTS);
  const [open, setOpen] = useState(false);
  const talk = usePanes(team.id, wanted, first, start?.messages);
  const used = talk.panes.map((pane) => models.find((row) => row.id === pane.model));
  const blocked =
    talk.panes.every((pane) => pane.model === null)
      ? t('playground:chooseFirst')
      : toolsOf(wanted.tools) === null
        ? t('playground:parameter.toolsWrong')
        : null;
  return (
    <Page
      title={t('playground:title')}
      lead={t('playground:lead')}
      actions={
        <>
          <Button
            variant="default"
            aria-expanded={open}
            leftSection={<IconAdjustments size={16} />}
            onClick={() => setOpen(!open)}
          >
            {t('playground:parameters')}
          </Button>
          <Button variant="default" leftSection={<IconEraser size={16} />} onClick={talk.clear}>
            {t('playground:clear')}
          </Button>
          <Button
            variant="default"
            leftSection={<IconPlus size={16} />}
            disabled={talk.panes.length >= MOST_PANES}
            onClick={talk.add}
          >
            {t('playground:compare')}
          </Button>
        </>
      }
    >
      <div className={css.work} data-open={open}>
        <div className={css.left}>
          <div className={css.panes} data-count={talk.panes.length}>
            {talk.panes.map((pane) => (
              <PaneView
                key={pane.id}
                pane={pane}
                models={models}
                onChoose={(id) => talk.choose(pane.id, id)}
                onRemove={talk.panes.length > 1 ? () => talk.remove(pane.id) : undefined}
                onToolResult={(callId, text) => talk.giveToolResult(pane.id, callId, text)}
                footer={<Foot pane={pane} costOf={costOf} />}
              />
            ))}
          </div>
          <Composer
            question={start?.question ?? ''}
            busy={talk.busy}
            blocked={blocked}
            images={used.some((row) => row?.architecture.input_modalities.includes('image'))}
            onSend={talk.send}
            onStop={talk.stop}
          />
        </div>
        {open && (
          <aside className={css.parameters} aria-label={t('playground:parameters')}>
            <ParameterFields value={wanted} onChange={setWanted} />
          </aside>
        )}
      </div>
    </Page>
  );
}

const SECOND_MS = 1000;

/** What the last answer took, and what it cost once its record is there. */
function Foot({ pane, costOf }: { pane: Pane; costOf: (requestId: string) => ReactNode }) {
  const { t, language } = useWords();
  const { outcome, requestId } = pane;
  const count = new Intl.NumberFormat(language);
  const seconds = new Intl.NumberFormat(language, { maximumFractionDigits: 2, minimumFractionDigits: 2 });
  if (outcome === null && requestId === null) return <span>{t('playground:noUsage')}</span>;
  return (
    <>
      {outcome?.provider != null && <span>{outcome.provider}</span>}
      {outcome?.usage != null && (
        <span>
          {t('playground:tokens', {
            input: count.format(outcome.usage.prompt_tokens),
            output: count.format(outcome.usage.completion_tokens),
          })}
        </span>
      )}
      {outcome?.firstMs != null && (
        <span>{t('playground:times', {
            first: seconds.format(outcome.firstMs / SECOND_MS),
            total: seconds.format(outcome.totalMs / SECOND_MS),
          })}</span>
      )}
      {!pane.busy && requestId !== null && costOf(requestId)}
    </>
  );
}
