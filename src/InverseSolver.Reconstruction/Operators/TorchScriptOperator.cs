using System.Security.Cryptography;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>A TorchScript module as a forward model, of which only values and gradients are known.</summary>
public sealed class TorchScriptOperator : NonlinearOperator
{
    private readonly TorchScriptModule module;

    private TorchScriptOperator(TorchScriptModule module, string hash, long[] domain, long[] range)
        : base("torchScript", domain, range, range.Aggregate(1L, (a, b) => a * b)) => (this.module, Hash) = (module, hash);

    /// <summary>SHA-256 of the module's file, lower-case hexadecimal.</summary>
    public string Hash { get; }

    /// <summary>Loads a module and calls it once with its gradient, to see what it gives.</summary>
    /// <param name="file">The module's file.</param>
    /// <param name="domain">(channels, height, width).</param>
    /// <param name="device">Where it computes.</param>
    /// <exception cref="InvalidInputException">No module, or not one for such images.</exception>
    public static TorchScriptOperator Load(string file, long[] domain, Device device)
    {
        TorchScriptModule? module = null;
        try
        {
            string hash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
            module = TorchScriptModule.Load(file, device);
            using var scope = torch.NewDisposeScope();
            using var _ = torch.enable_grad();
            Tensor image = torch.full([1, .. domain], 0.5, device: device).requires_grad_();
            Tensor probe = module.forward(image);
            if (probe.dtype != ScalarType.Float32 || probe.shape is not [1, > 0, > 0, > 0] range)
            {
                module.Dispose();
                throw new InvalidInputException("problem.module", "The module does not give float32 of the shape (N, channels, height, width).");
            }

            if (!HasGradient(probe, image))
            {
                module.Dispose();
                throw new InvalidInputException("problem.module", "The module's result has no gradient by the image: it has to be made of differentiable operations that leave their arguments as they are.");
            }

            return new TorchScriptOperator(module, hash, domain, range[1..]);
        }
        catch (Exception error) when (error.IsFromTorch || error is InvalidOperationException or InvalidDataException)
        {
            module?.Dispose();
            throw new InvalidInputException(
                "problem.module", module is null ? "The file is no TorchScript module." : $"The module cannot be applied to images of the shape ({string.Join(", ", domain)}).");
        }
    }

    private static bool HasGradient(Tensor output, Tensor image)
    {
        try
        {
            torch.autograd.vjp(output, image, torch.ones_like(output)).Dispose();
            return true;
        }
        catch (Exception error) when (error.IsFromTorch)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => module.forward(x);

    private protected override Tensor DirectCore(Tensor y) => y.shape[1..].SequenceEqual(Domain) ? y : base.DirectCore(y);

    /// <inheritdoc/>
    protected override void DisposeCore() => module.Dispose();
}
