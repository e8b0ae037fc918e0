import { Anchor, SimpleGrid } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import { listModels } from '~/api/data-plane';
import { useWords } from '~/i18n/use-words';
import { useMe, useTeam } from '~/session/me';
import { CopyLine } from '~/ui/copy';
import { IconArrowRight, IconBook, IconKey, IconUsers, IconWallet } from '~/ui/icons';
import { LinkButton, TextLink } from '~/ui/link';
import { docsUrl } from '~/ui/links';
import { Page, Panel } from '~/ui/page';
import { Sample } from '~/ui/sample';

import { FirstAnswer } from './first-answer';
import css from './home.module.css';

/** The way from nothing to a first answer: a key, the address, and code that runs as it is pasted. */
export function HomePage() {
  const { t, language } = useWords();
  const me = useMe();
  const team = useTeam();
  const base = `${window.location.origin}/v1`;
  const params = { teamId: team.id };
  const models = useQuery({
    queryKey: ['team', team.id, 'models'],
    queryFn: ({ signal }) => listModels(team.id, signal),
    staleTime: 60_000,
  });
  const chat = models.data?.find((row) => row.kind === 'chat')?.id;
  return (
    <Page title={t('home:title', { name: me.user.name || me.user.email })} lead={t('home:lead', { team: team.name })}>
      <Panel title={t('home:start.title')} note={t('home:start.note')}>
        <ol className={css.steps}>
          <Step title={t('home:start.key')} text={t('home:start.keyText')}>
            <LinkButton to="/teams/$teamId/keys" params={params} leftSection={<IconKey size={16} />}>
              {team.may('keys.create') ? t('home:start.keyAction') : t('home:start.keyList')}
            </LinkButton>
          </Step>
          <Step title={t('home:start.base')} text={t('home:start.baseText')}>
            <CopyLine value={base} label={t('home:start.copyBase')} />
          </Step>
          <Step title={t('home:start.call')} text={t('home:start.callText')}>
            <Sample model={chat ?? '…'} />
            <FirstAnswer />
          </Step>
        </ol>
      </Panel>
      <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="md">
        <Tile icon={<IconUsers />} title={t('home:tile.members')} text={t('home:tile.membersText')}>
          <TextLink to="/teams/$teamId/members" params={params} size="sm">
            {t('home:tile.membersAction')} <IconArrowRight size={14} aria-hidden />
          </TextLink>
        </Tile>
        {team.may('billing.read') && (
          <Tile icon={<IconWallet />} title={t('home:tile.balance')} text={t('home:tile.balanceText')}>
            <TextLink to="/teams/$teamId/balance" params={params} size="sm">
              {t('home:tile.balanceAction')} <IconArrowRight size={14} aria-hidden />
            </TextLink>
          </Tile>
        )}
        <Tile icon={<IconBook />} title={t('home:tile.docs')} text={t('home:tile.docsText')}>
          <Anchor href={docsUrl(language)} size="sm">
            {t('home:tile.docsAction')} <IconArrowRight size={14} aria-hidden />
          </Anchor>
        </Tile>
      </SimpleGrid>
    </Page>
  );
}

function Step({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <li className={css.step}>
      <h3>{title}</h3>
      <p>{text}</p>
      {children}
    </li>
  );
}

function Tile({ icon, title, text, children }: { icon: ReactNode; title: string; text: string; children: ReactNode }) {
  return (
    <section className={css.tile}>
      <span className={css.tileIcon} aria-hidden="true">
        {icon}
      </span>
      <h2>{title}</h2>
      <p>{text}</p>
      {children}
    </section>
  );
}
