namespace InverseSolver.Diffusion;

/// <summary>A pretrained latent diffusion model in one convention.</summary>
public class LatentModel
{
}
