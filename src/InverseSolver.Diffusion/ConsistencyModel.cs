using InverseSolver.Diffusion.Networks;

namespace InverseSolver.Diffusion;

/// <summary>
/// A consistency model of a package's latents, with the scaling of Song, Dhariwal, Chen, Sutskever, "Consistency Models" (2023), appendix C:
/// f(z, σ) = d²/(s² + d²) z + s d/√(σ² + d²) F(z/√(σ² + d²), 250 ln σ), where s = σ − σ_min, d is the latents' standard deviation and F the
/// network. f(z, σ_min) = z.
/// </summary>
/// <remarks>
/// A package has one where its model.json holds <c>"consistency": {"sigmaData": d, "sigmaMin": σ_min}</c>; F is then in the folder <c>consistency</c>, a
/// UNet2DModel with its config and weights like <c>unet</c>, without classes. It works on the same latents as <c>unet</c>, scaling factor included.
/// </remarks>
internal sealed class ConsistencyModel(UNet network, double sigmaData, double sigmaMin) : IDisposable
{
    internal const string Folder = "consistency";

    internal UNet Network => network;

    internal Tensor Forward(Tensor z, double sigma)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        double at = Math.Max(sigma, sigmaMin), s = at - sigmaMin, size = Math.Sqrt(at * at + sigmaData * sigmaData);
        Tensor time = torch.full([z.size(0)], 250 * Math.Log(at), device: z.device);
        Tensor output = network.Forward(z / size, time);
        double skip = sigmaData * sigmaData / (s * s + sigmaData * sigmaData);
        return (z * skip + output * (s * sigmaData / size)).MoveToOuterDisposeScope();
    }

    public void Dispose() => network.Dispose();
}
