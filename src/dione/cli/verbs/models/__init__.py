"""List and describe models."""
