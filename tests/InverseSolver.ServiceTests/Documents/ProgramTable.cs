namespace InverseSolver.ServiceTests.Documents;

/// <summary>How the documents' programs and JSON files are tried.</summary>
internal static class ProgramTable
{
    private const string Networks = """
        import torch
        torch.set_num_threads(1)

        class Denoiser(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Conv2d(4, 4, 3, padding=1)

            def forward(self, sample, timestep):
                return self.layer(sample) + 0.001 * timestep.float().reshape(-1, 1, 1, 1)

        encoder = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Conv2d(1, 4, 1)).eval()
        decoder = torch.nn.Sequential(torch.nn.Conv2d(4, 1, 1), torch.nn.Upsample(scale_factor=4)).eval()
        unet = Denoiser()

        """;

    private const string Trace = """

        for name, network, x in ("encoder", encoder, torch.randn(2, 1, 32, 32)), ("decoder", decoder, torch.randn(2, 4, 8, 8)):
            torch.jit.trace(network, x).save(f"models/traced/vae_{name}/model.pt")
        """;

    private const string Export = """

        for name, network, x, i, o in (("encoder", encoder, torch.randn(2, 1, 32, 32), "sample", "latent_sample"),
                                       ("decoder", decoder, torch.randn(2, 4, 8, 8), "latent_sample", "sample")):
            torch.onnx.export(network, x, f"models/my-onnx/vae_{name}/model.onnx", input_names=[i], output_names=[o], opset_version=17,
                              dynamic_axes={i: {0: "n", 2: "h", 3: "w"}, o: {0: "n", 2: "h", 3: "w"}})
        """;

    // Signed here by the specification's words, with another program's HMAC.
    private const string Verify = """

        import subprocess
        body, now, secret = b'{"type":"job.succeeded"}', str(int(time.time())), base64.b64encode(b"0123456789abcdef01234567").decode()
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-hmac", "0123456789abcdef01234567", "-binary"], input=f"msg_1.{now}.".encode() + body,
                                stdout=subprocess.PIPE, check=True).stdout
        headers = {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": "v1,AAAA v1," + base64.b64encode(signed).decode()}
        verify("whsec_" + secret, headers, body)
        for wrong in (body + b" ", headers, secret), (body, dict(headers, **{"webhook-id": "msg_2"}), secret), (body, headers, secret[4:]), (
                body, dict(headers, **{"webhook-timestamp": "1000"}), secret):
            try:
                verify("whsec_" + wrong[2], wrong[1], wrong[0])
            except ValueError:
                continue
            raise SystemExit("A wrong message was taken for a right one.")
        """;

    /// <summary>
    /// A program is known by words of its own. It is saved under a name by which a later command of its document runs it, or it runs between lines that bring
    /// what the document takes for granted.
    /// </summary>
    internal static readonly (string Words, string? SavedAs, string Before, string After)[] Programs =
    [
        ("from inversesolver import Client", "src/clients/python/examples/restore.py", "", ""),
        ("using InverseSolver.Client;", "restore.cs", "", ""),
        ("CLIPTextModel.from_pretrained", "scripts/write-conditioning.py", "", ""),
        ("torch.jit.trace(unet", null, Networks, Trace),
        ("torch.onnx.export(unet", null, Networks, Export),
        ("def verify(secret, headers, body)", null, "", Verify),
    ];

    /// <summary>JSON that stands in a document as a file's content, by words of it, and the files.</summary>
    internal static readonly (string Words, string[] Files)[] Json =
    [
        ("\"fraction\": 0.5", ["problem.json"]),
        ("\"latentDownsampling\": 4", ["models/traced/model.json", "models/my-onnx/model.json"]),
    ];
}
