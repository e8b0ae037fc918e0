import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core';
import { createLink, type LinkComponent } from '@tanstack/react-router';
import type { ReactNode, Ref } from 'react';

interface Shown {
  children?: ReactNode;
  ref?: Ref<HTMLAnchorElement>;
}

/** The kit's button and link as links of the app: typed by its routes, loaded when pointed at. */
const ButtonAnchor = (props: Omit<ButtonProps, 'component'> & Shown) => <Button component="a" {...props} />;
const TextAnchor = (props: Omit<AnchorProps, 'component'> & Shown) => <Anchor {...props} />;

export const LinkButton: LinkComponent<typeof ButtonAnchor> = createLink(ButtonAnchor);
export const TextLink: LinkComponent<typeof TextAnchor> = createLink(TextAnchor);
