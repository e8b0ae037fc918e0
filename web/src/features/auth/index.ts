export { InvitationPage } from './invitation-page';
export { ResetPasswordPage } from './reset-password-page';
export { SignInPage } from './sign-in-page';
export { SignUpPage } from './sign-up-page';
export { VerifyEmailPage } from './verify-email-page';
