"""A real mail server (aiosmtpd) that keeps nothing: what it takes it prints, one JSON object a line.

Its first line is {"port": n}. Letters to `nobody@` are refused for good, to `full@` for now. Which secrecy it
insists on, and which user may send, is said by the arguments; a wrong password is answered 535.
"""

import argparse
import asyncio
import email
import email.policy
import json
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


def say(**what):
    print(json.dumps(what, ensure_ascii=False), flush=True)


class Sink:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.partition("@")[0]
        if name == "nobody":
            return "550 5.1.1 no such mailbox"
        if name == "full":
            return "452 4.2.2 the mailbox is full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say(
            to=envelope.rcpt_tos,
            sender=envelope.mail_from,
            secret=session.ssl is not None,
            user=session.auth_data or "",
            subject=letter["subject"],
            headers={name.lower(): str(value) for name, value in letter.items()},
            text=letter.get_body(("plain",)).get_content(),
            html=letter.get_body(("html",)).get_content(),
        )
        return "250 OK"


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--port", type=int, default=0)
    args.add_argument("--tls", choices=["off", "starttls", "tls"], default="off")
    args.add_argument("--certificate")
    args.add_argument("--key")
    args.add_argument("--user")
    args.add_argument("--password")
    args = args.parse_args()

    context = None
    if args.tls != "off":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.certificate, args.key)

    def known(server, session, envelope, mechanism, data):
        fits = data.login.decode() == args.user and data.password.decode() == args.password
        return AuthResult(success=fits, handled=False, auth_data=args.user if fits else None)

    def connection():
        return SMTP(
            Sink(),
            hostname="sink.example",
            tls_context=context if args.tls == "starttls" else None,
            require_starttls=args.tls == "starttls",
            auth_required=args.user is not None,
            auth_require_tls=args.tls == "starttls",
            authenticator=known if args.user is not None else None,
        )

    async def serve():
        loop = asyncio.get_running_loop()
        outer = context if args.tls == "tls" else None
        server = await loop.create_server(connection, "127.0.0.1", args.port, ssl=outer)
        say(port=server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


main()
