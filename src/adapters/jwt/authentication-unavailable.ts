export { AuthenticationUnavailableError } from '../../ports/authenticator.ts';
