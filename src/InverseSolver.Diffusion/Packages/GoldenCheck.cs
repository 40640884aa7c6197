using InverseSolver.Diffusion.Backends;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Packages;

/// <summary>The distance of one tensor from its reference.</summary>
/// <param name="Tensor">Its name in golden.safetensors.</param>
/// <param name="RelativeError">max |a − b| / max |b|; not a number or infinite where it cannot be compared.</param>
/// <param name="Reason">The reason why it cannot be compared; null where it can.</param>
public sealed record GoldenResult(string Tensor, double RelativeError, string? Reason = null)
{
    /// <summary>True where it lies within a tolerance; false where it cannot be compared.</summary>
    public bool Passes(double tolerance = GoldenCheck.Tolerance) => RelativeError <= tolerance;
}

/// <summary>Compares a network's folder or a model package with the golden.safetensors in it: values and gradients of the original implementation.</summary>
public static class GoldenCheck
{
    /// <summary>The largest relative error that counts as agreement.</summary>
    public const double Tolerance = 1e-4;

    /// <summary>The file with the references.</summary>
    public const string FileName = "golden.safetensors";

    /// <summary>Loads the folder and compares.</summary>
    /// <param name="folder">A network's folder (config.json at its top) or a model package.</param>
    /// <param name="device">The device.</param>
    /// <returns>One result for each reference, also for those that do not fit the network; empty where the folder has no golden.safetensors.</returns>
    /// <exception cref="InvalidModelException">The folder or the file with its references cannot be used.</exception>
    public static IReadOnlyList<GoldenResult> Run(string folder, Device? device = null)
    {
        device ??= torch.CPU;
        using DisposeScope scope = torch.NewDisposeScope();
        if (PackageLayout.IsFlat(folder))
        {
            throw PackageLayout.Flat();
        }

        if (!File.Exists(Path.Combine(folder, Network.ConfigName)))
        {
            using LatentModel model = ModelPackage.Load(folder, device);
            return Compare(folder, device, golden => Package((NetworkModel)model, golden));
        }

        string className = NetworkConfig.Read(Path.Combine(folder, Network.ConfigName), Network.ConfigName).ClassName;
        if (className is "AutoencoderKL" or "VQModel")
        {
            using Autoencoder autoencoder = Network.LoadAutoencoder(folder, device);
            return autoencoder is VQModel vq
                ? Compare(folder, device, golden => Vq(vq, golden))
                : Compare(folder, device, golden => Kl((AutoencoderKL)autoencoder, golden));
        }

        using UNet unet = Network.LoadUNet(folder, device);
        return Compare(folder, device, golden => Denoiser(unet, golden));
    }

    private static List<GoldenResult> Compare(string folder, Device device, Action<Golden> compute)
    {
        if (!File.Exists(Path.Combine(folder, FileName)))
        {
            return [];
        }

        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, FileName));
        var golden = new Golden(file, device);
        compute(golden);
        golden.Finish();
        return golden.Results;
    }

    private static void Kl(AutoencoderKL network, Golden golden)
    {
        if (golden.Input("x") is { } x)
        {
            (Tensor Mean, Tensor LogVariance)? moments = null;
            golden.Check("mean", () => (moments ??= network.EncodeMoments(x)).Mean);
            golden.Check("logvar", () => (moments ??= network.EncodeMoments(x)).LogVariance);
        }

        if (golden.Input("z") is { } z)
        {
            golden.CheckWithGradient("decoded", "grad_z", z, network.Decode);
        }
    }

    private static void Vq(VQModel network, Golden golden)
    {
        Tensor? latents = golden.Input("x") is { } x ? golden.Check("latents", () => network.Encode(x)) : null;
        if ((golden.Input("z") ?? golden.Input("latents") ?? latents) is { } z)
        {
            golden.CheckWithGradient("decoded", "grad_z", z, network.Decode);
            golden.CheckWithGradient("decoded_not_quantized", "grad_z_not_quantized", z, network.DecodeNotQuantized);
        }
    }

    private static void Denoiser(UNet network, Golden golden)
    {
        if (golden.Input("x") is { } x && golden.Input("t") is { } t)
        {
            Tensor? context = golden.Input("encoder_hidden_states"), labels = golden.Input("class_labels");
            golden.CheckWithGradient("out", "grad_x", x, sample => network.Forward(sample, t, context, labels));
        }
    }

    private static void Package(NetworkModel model, Golden golden)
    {
        if (golden.Input("image") is { } image)
        {
            golden.Check("latent", () => model.Encode((image + 1.0) * 0.5));
        }

        Tensor? latent = golden.Input("latent");
        if (latent is not null)
        {
            int side = model.Info.LatentDownsampling;
            golden.Check("decoded", () => latent.shape is [_, _, var height, var width]
                ? model.Decode(latent, (int)height * side, (int)width * side) * 2.0 - 1.0
                : throw new ArgumentException($"A latent is (N, {model.Info.LatentChannels}, h, w), not ({string.Join(", ", latent.shape)})."));
        }

        if (model.HasConsistencyNetwork && golden.Input("consistency_z") is { } z && golden.Input("consistency_sigma") is { } sigma)
        {
            golden.Check("consistency_out", () => model.ConsistencyFunction(z, sigma.ToDoubles()[0]));
        }

        if (golden.Input("t") is not { } t)
        {
            return;
        }

        if (latent is not null && golden.Input("noise") is { } noise)
        {
            golden.Check("noisy_latent", () => model.AddNoise(latent, noise, t));
        }

        if (golden.Input("noisy_latent") is { } noisy)
        {
            Tensor? condition = golden.Input("encoder_hidden_states") ?? golden.Input("class_labels");
            golden.Check("predicted_noise", () => model.Predict(noisy, t, condition));
        }
    }

    /// <summary>The references, and which of them were used.</summary>
    private sealed class Golden(SafetensorsFile file, Device device)
    {
        private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

        internal List<GoldenResult> Results { get; } = [];

        internal Tensor? Input(string name)
        {
            if (!file.Entries.TryGetValue(name, out SafetensorsEntry? entry))
            {
                return null;
            }

            _seen.Add(name);
            return file.Read(name).to(entry.Type == "I64" ? ScalarType.Int64 : ScalarType.Float32, device);
        }

        /// <summary>Computes a value and compares it where there is a reference; inputs that the network refuses are reported as a result.</summary>
        /// <returns>The computed value; null where the computation failed.</returns>
        internal Tensor? Check(string name, Func<Tensor> compute)
        {
            Tensor? reference = Input(name);
            try
            {
                Tensor computed = compute();
                if (reference is not null)
                {
                    Results.Add(Compared(name, computed, reference));
                }

                return computed;
            }
            catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException or InvalidOperationException or OverflowException || e.IsFromTorch)
            {
                if (reference is not null)
                {
                    Results.Add(new GoldenResult(name, double.PositiveInfinity, Sentence(e)));
                }

                return null;
            }
        }

        internal void CheckWithGradient(string name, string gradient, Tensor input, Func<Tensor, Tensor> run)
        {
            if (!file.Entries.ContainsKey(gradient) || Input("cotangent") is not { } cotangent)
            {
                if (file.Entries.ContainsKey(name))
                {
                    using var off = torch.no_grad();
                    Check(name, () => run(input));
                }

                return;
            }

            using var on = torch.enable_grad();
            Tensor leaf = input.detach().requires_grad_();
            Tensor? output = null;
            Check(name, () => (output = run(leaf)).detach());
            Check(gradient, () => torch.autograd.vjp(output ?? run(leaf), leaf, cotangent));
        }

        internal void Finish()
        {
            if (file.Entries.Keys.Where(name => !_seen.Contains(name)).Order(StringComparer.Ordinal).FirstOrDefault() is { } unknown)
            {
                throw new InvalidModelException(
                    $"{FileName}: tensor {InvalidModelException.Quote(unknown)} is not a known reference for this network, or its inputs are missing.");
            }
        }

        private static string Sentence(Exception e) =>
            e is ArgumentException { ParamName: { } parameter } ? e.Message.Replace($" (Parameter '{parameter}')", "", StringComparison.Ordinal) : e.FirstLine;

        private static GoldenResult Compared(string name, Tensor computed, Tensor reference)
        {
            if (!computed.shape.AsSpan().SequenceEqual(reference.shape))
            {
                string shapes = $"The reference has the shape ({string.Join(", ", reference.shape)}); the network gives ({string.Join(", ", computed.shape)}).";
                return new GoldenResult(name, double.PositiveInfinity, shapes);
            }

            using DisposeScope scope = torch.NewDisposeScope();
            Tensor b = reference.to(ScalarType.Float64, torch.CPU);
            double difference = (computed.to(ScalarType.Float64, torch.CPU) - b).abs().max().ToDouble(), size = b.abs().max().ToDouble();
            return new GoldenResult(name, difference == 0 ? 0 : difference / size);
        }
    }
}
